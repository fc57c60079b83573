package proxy_test

import (
	"testing"

	"github.com/awf-cred/awf-cred/internal/relay"
)

// sdkLines are what a vendor's SDK sends with a request.
var sdkLines = []string{
	"Accept: application/json", "Content-Type: application/json", "User-Agent: Anthropic/JS 1.12.0", "X-Stainless-Lang: js",
	"X-Stainless-Package-Version: 1.12.0", "X-Stainless-OS: Linux", "X-Stainless-Arch: x64", "X-Stainless-Runtime: node",
	"X-Stainless-Runtime-Version: v20.20.0", "X-Stainless-Retry-Count: 0", "X-Stainless-Timeout: 600", "anthropic-version: 2023-06-01",
	"X-Api-Key: " + clientKey, "Accept-Encoding: gzip, deflate", "Content-Length: 250",
}

var replyLines = []string{
	"Date: Tue, 24 Nov 2026 08:00:00 GMT", "Content-Type: application/json", "request-id: req_011CSHoEeqs5C35K2UUqR7Fy",
	"anthropic-organization-id: 0b5a2f6e-3c1d-4e8f-9a7b-5d6c4e3f2a1b", "Server: x", "CF-RAY: 8f", "Vary: Accept-Encoding", "Content-Length: 350",
}

// The policy's part of one request with a client key, from head to observation.
// It must stay far below the system calls that relay makes for the same request.
func BenchmarkRequest(b *testing.B) {
	p := policy(b, keyed(b))
	request := head("POST", "/v1/messages?beta=true", sdkLines...)
	fields := append([]relay.Field(nil), request.Fields...)
	answer := &relay.ReplyHead{Status: 200, Fields: head("", "", replyLines...).Fields}
	answered := append([]relay.Field(nil), answer.Fields...)
	add := make([]byte, 0, 512)
	target, host := request.Target, request.Host
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		copy(request.Fields, fields)
		copy(answer.Fields, answered)
		request.Add, request.Target, request.Host = add, target, host
		if _, reply := p.Request(ctx, request); reply != nil {
			b.Fatal(string(reply.Body))
		}
		p.Response(ctx, request, answer)
		p.Done(request, relay.Summary{Status: 200})
	}
}

func BenchmarkRefusal(b *testing.B) {
	p := policy(b, keyed(b))
	request := head("POST", "/v1/messages", "X-Api-Key: wrong-0123456789abcdef")
	b.ReportAllocs()
	for b.Loop() {
		request.Target = []byte("/v1/messages")
		if _, reply := p.Request(b.Context(), request); reply == nil {
			b.Fatal("served")
		}
		p.Done(request, relay.Summary{Status: 401})
	}
}

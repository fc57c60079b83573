package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/internal/sandbox"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

var (
	signingTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	signingKeys = &exchange.AWSKeys{AccessKeyID: secret.New("AKIDEXAMPLE"), SecretAccessKey: secret.New("SECRET"), SessionToken: secret.New("TOK")}
)

const bedrockHost = "bedrock-runtime.us-east-1.amazonaws.com"

// headersOf are the headers that the injector's signer makes for a target.
func headersOf(t testing.TB, method, target, body string) http.Header {
	sum := sha256.Sum256([]byte(body))
	h := &relay.Head{Method: []byte(method), Target: []byte(target), Host: []byte(bedrockHost)}
	headers, err := sign(v4.NewSigner(), SigV4Options{Region: "us-east-1", Service: "bedrock"}, h, hex.EncodeToString(sum[:]), signingKeys, signingTime)
	require.NoError(t, err)
	return headers
}

// signature is what stands in Authorization.
func signature(t testing.TB, method, target, body string) string {
	headers := headersOf(t, method, target, body)
	sum := sha256.Sum256([]byte(body))
	assert.Equal(t, []string{"20260102T030405Z"}, headers["X-Amz-Date"])
	assert.Equal(t, []string{"TOK"}, headers["X-Amz-Security-Token"])
	assert.Equal(t, []string{hex.EncodeToString(sum[:])}, headers["X-Amz-Content-Sha256"])
	rest, value, ok := strings.Cut(headers.Get("Authorization"), "Signature=")
	require.True(t, ok)
	assert.Equal(t, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/bedrock/aws4_request, "+
		"SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, ", rest)
	return value
}

// The vectors were computed with the SDK's signer on URLs that encode to these
// wire paths; a colon, an escaped colon and an escaped slash are three paths.
func TestSignaturesOfKnownPaths(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"/model/anthropic.claude-3-haiku-20240307-v1:0/invoke":                                      "fa929954e9c4ddc8420dc449224ac5000926b11a2591261ab6828c80b7fc245e",
		"/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke":                                    "0e1ab3181f0c103084777b6c068528b6d4ed6043ab93d644b992574a5d52f118",
		"/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.x/converse": "ac22457831ac9ac227f1653d9d57e13471cf4a8ef878b16b3acbb9f89fbb4feb",
	} {
		assert.Equal(t, want, signature(t, "POST", target, "{}"), target)
	}
}

// verified asks the sandbox's verifier, which shares no code with the signer, what
// AWS would say of the request as it is on the wire.
func verified(t testing.TB, method, target, body string) error {
	headers := headersOf(t, method, target, body)
	v := sandbox.SigV4{Region: "us-east-1", Service: "bedrock", Now: signingTime, Normalize: true,
		Secret: func(key string) (string, string, bool) { return "SECRET", "TOK", key == "AKIDEXAMPLE" }}
	return v.Verify(sandbox.SignedRequest{Method: method, Target: target, Host: bedrockHost, Header: headers, Body: []byte(body)})
}

func decode(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			b.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func TestAQueryIsSignedAsItIsOnTheWire(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		"/a?b=2&a=1", "/a?a=1+2", "/a?a=1%2B2", "/a?a=1%202", "/a?a=b;c=d", "/a?a", "/a?a=", "/a?", "/a?&&a=1&", "/a?a=%zz", "/a?a=%", "/a?%41=1&A=2",
		"/a?a=2&a=1", "/a?a=%2f", "/a?q=arn:aws:x", "/a?x=~._-'()*!", "/a?a-b=1&a=2", "/a//b", "/a///b//?x=1", "/a/", "/", "/a%2Fb;p=1", "/a%2f%2Fb",
	} {
		assert.NoError(t, verified(t, "POST", target, "{}"), target)
	}
}

// What is signed is what the wire says, for every target that relay lets through.
func FuzzSigV4(f *testing.F) {
	for _, s := range []string{"/model/a:0/invoke", "/a?b=1+2", "/a?b=1;c=2&d", "/a%2F%2fb?x=%C3%A9&x=", "/?%=%&=", "/a?=1&=&a==b"} {
		f.Add(s, "{}")
	}
	f.Fuzz(func(t *testing.T, target, body string) {
		if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") {
			t.Skip()
		}
		for i := range len(target) {
			if target[i] <= ' ' || target[i] >= 0x7f || target[i] == '#' {
				t.Skip("relay refuses it")
			}
		}
		path, _, _ := strings.Cut(target, "?")
		if _, err := url.PathUnescape(path); err != nil {
			t.Skip("relay refuses it")
		}
		for segment := range strings.SplitSeq(path, "/") {
			if segment == "." || segment == ".." {
				t.Skip("relay refuses it")
			}
		}
		if strings.Contains(target, "X-Amz-") {
			t.Skip("the policy strips it")
		}
		assert.NoError(t, verified(t, "POST", target, body))
	})
}

package relay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const benchHead = "POST /v1/messages HTTP/1.1\r\nHost: localhost:10001\r\nConnection: keep-alive\r\nAccept: application/json\r\n" +
	"X-Stainless-Retry-Count: 0\r\nX-Stainless-Timeout: 600\r\nX-Stainless-Lang: js\r\nX-Stainless-Package-Version: 0.60.0\r\n" +
	"X-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\nX-Stainless-Runtime: node\r\nX-Stainless-Runtime-Version: v20.20.0\r\n" +
	"anthropic-version: 2023-06-01\r\nUser-Agent: Anthropic/JS 0.60.0\r\nContent-Type: application/json\r\n" +
	"Authorization: Bearer wrong\r\nX-Api-Key: wrong\r\nAccept-Language: *\r\nAccept-Encoding: gzip, deflate\r\nContent-Length: %d\r\n\r\n%s"

var benchReply = []byte("HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/json\r\nrequest-id: req_0123456789\r\n" +
	"anthropic-organization-id: 00000000-0000-0000-0000-000000000000\r\nServer: cloudflare\r\nCF-RAY: 0123456789abcdef-FRA\r\nContent-Length: 350\r\n\r\n" + strings.Repeat("x", 350))

// benchUpstream answers as fast as a raw loop can.
func benchUpstream(b *testing.B) (string, *tls.Config) {
	cert, roots := testCert()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}})
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			wg.Go(func() {
				br := bufio.NewReaderSize(c, 64<<10)
				for {
					n := 0
					for {
						line, err := br.ReadSlice('\n')
						if err != nil {
							return
						}
						if len(line) == 2 {
							break
						}
						if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
							n, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
						}
					}
					if _, err := br.Discard(n); err != nil {
						return
					}
					if _, err := c.Write(benchReply); err != nil {
						return
					}
				}
			})
		}
	})
	b.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().String(), &tls.Config{RootCAs: roots}
}

type stripPolicy struct{ up *Upstream }

func (p stripPolicy) Request(_ context.Context, h *Head) (*Upstream, *Reply) {
	for i := range h.Fields {
		switch n := h.Fields[i].Name; len(n) {
		case 7, 9, 13, 14, 19:
			if sameName(n, "authorization") || sameName(n, "x-api-key") || sameName(n, "api-key") || sameName(n, "x-goog-api-key") {
				h.Fields[i].Drop = true
			}
		}
	}
	h.Add = append(h.Add, injected...)
	return p.up, nil
}
func (stripPolicy) Response(context.Context, *Head, *ReplyHead) Verdict { return Pass }
func (stripPolicy) RequestTrailer([]Field)                              {}
func (stripPolicy) ReplyTrailer(*Head, []Field)                         {}
func (stripPolicy) Fault(_ *Head, f Fault) *Reply                       { return &Reply{Status: f.Status} }
func (stripPolicy) Done(*Head, Summary)                                 {}

func benchClients(b *testing.B, addr string, clients, body int) {
	request := []byte(fmt.Sprintf(benchHead, body, strings.Repeat("y", body)))
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i := range clients {
		n := b.N / clients
		if i < b.N%clients {
			n++
		}
		wg.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			buf := make([]byte, 4096)
			for range n {
				if _, err := c.Write(request); err != nil {
					b.Error(err)
					return
				}
				have := 0
				for have == 0 || !bytes.Contains(buf[:have], []byte("\r\n\r\n")) || !bytes.HasSuffix(buf[:have], []byte("xxxx")) {
					k, err := c.Read(buf[have:])
					if err != nil {
						b.Error(err)
						return
					}
					have += k
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkRequest compares relay with a tuned httputil.ReverseProxy, both with a
// TLS upstream, in the same process.
func BenchmarkRequest(b *testing.B) {
	for _, shape := range []struct{ clients, body int }{{1, 250}, {16, 250}, {64, 250}, {16, 64 << 10}} {
		name := fmt.Sprintf("c=%d/body=%d", shape.clients, shape.body)
		b.Run("relay/"+name, func(b *testing.B) {
			addr, config := benchUpstream(b)
			u := NewUpstream(UpstreamOptions{Scheme: "https", Address: addr, TLS: config})
			defer u.Close()
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			go func() { ended <- Serve(ctx, ln, stripPolicy{u}, Options{}) }()
			benchClients(b, ln.Addr().String(), shape.clients, shape.body)
			b.StopTimer()
			cancel()
			if err := <-ended; err != nil {
				b.Error(err)
			}
		})
		b.Run("ReverseProxy/"+name, func(b *testing.B) {
			addr, config := benchUpstream(b)
			transport := &http.Transport{TLSClientConfig: config, MaxIdleConnsPerHost: 512, DisableCompression: true}
			proxy := &httputil.ReverseProxy{
				Transport: transport,
				ErrorLog:  log.New(io.Discard, "", 0),
				Rewrite: func(r *httputil.ProxyRequest) {
					r.SetURL(&url.URL{Scheme: "https", Host: addr})
					for _, n := range []string{"X-Api-Key", "Api-Key", "X-Goog-Api-Key"} {
						r.Out.Header.Del(n)
					}
					r.Out.Header.Set("Authorization", "Bearer injected")
				},
			}
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			server := &http.Server{Handler: proxy}
			go func() { _ = server.Serve(ln) }()
			benchClients(b, ln.Addr().String(), shape.clients, shape.body)
			b.StopTimer()
			_ = server.Close()
			transport.CloseIdleConnections()
		})
	}
}

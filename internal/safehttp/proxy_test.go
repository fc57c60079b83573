package safehttp_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/safehttp"
)

const password = "proxy-pass-canary"

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// tunnel is a proxy that connects everything to one address and records the heads
// it was sent.
func tunnel(t *testing.T, config *tls.Config, to string) (*server, func() []string) {
	t.Helper()
	var mu sync.Mutex
	var heads []string
	s := serve(t, config, func(c net.Conn) {
		br := bufio.NewReader(c)
		req, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		mu.Lock()
		heads = append(heads, req.Method+" "+req.RequestURI+" "+req.Header.Get("Proxy-Authorization")+" "+req.Header.Get("User-Agent"))
		mu.Unlock()
		up, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer func() { _ = up.Close() }()
		_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
		done := make(chan struct{})
		go func() { defer close(done); _, _ = io.Copy(c, up); _ = c.Close() }()
		_, _ = io.Copy(up, br)
		_ = up.Close()
		<-done
	})
	return s, func() []string { mu.Lock(); defer mu.Unlock(); return heads }
}

func TestProxy(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	cert := ca.leaf(t, nil)
	target := serve(t, &tls.Config{Certificates: []tls.Certificate{named(t, ca, "token.test")}}, answer(ok))
	for _, c := range []struct {
		name, scheme string
		config       *tls.Config
	}{
		{"over plain TCP", "http", nil},
		{"over TLS", "https", &tls.Config{Certificates: []tls.Certificate{cert}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, heads := tunnel(t, c.config, target.addr)
			cl := client(t, safehttp.Options{CAFile: ca.file, Env: environment("https_proxy", c.scheme+"://us%40er:"+password+"@"+p.addr)})
			_, body, err := post(t, cl, "https://token.test/?jwt=canary")
			require.NoError(t, err)
			assert.Equal(t, "{}", body)
			assert.Equal(t, []string{"CONNECT token.test:443 Basic dXNAZXI6cHJveHktcGFzcy1jYW5hcnk= "}, heads(),
				"the proxy sees the host and its own credentials, nothing else")
		})
	}
}

func TestProxyFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		handle func(net.Conn)
		kind   safehttp.Kind
		want   string
	}{
		{"407", answer("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"), safehttp.ProxyAuth, "HTTP 407"},
		{"503", answer("HTTP/1.1 503 Nope\r\nContent-Length: 0\r\n\r\n"), safehttp.Proxy, "it refused with HTTP 503"},
		{"another protocol", answer("SSH-2.0\r\n\r\n"), safehttp.Proxy, "it did not answer in HTTP"},
		{"hangs up", func(net.Conn) {}, safehttp.Proxy, "the proxy failed"},
		{"200 and then garbage", answer("HTTP/1.1 200 OK\r\n\r\ngarbage"), safehttp.Proxy, "something unasked"},
		{"an endless head", answer("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 1<<20)), safehttp.Proxy, "the proxy failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := serve(t, nil, c.handle)
			cl := client(t, safehttp.Options{Env: environment("HTTPS_PROXY", "http://user:"+password+"@"+p.addr)})
			_, _, err := post(t, cl, "https://token.test/")
			e := failure(t, err)
			assert.Equal(t, c.kind, e.Kind, e.Error())
			assert.Contains(t, e.Error(), c.want)
			assert.Contains(t, e.Error(), "token.test:443 through the proxy "+p.addr)
			assert.NotContains(t, e.Error(), password)
			assert.True(t, e.Unsent)
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		cl := client(t, safehttp.Options{Env: environment("HTTPS_PROXY", "127.0.0.1:1")})
		_, _, err := post(t, cl, "https://token.test/")
		assert.Equal(t, safehttp.Proxy, failure(t, err).Kind)
		assert.ErrorContains(t, err, "the proxy failed: connection refused")
	})
}

func TestProxySettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  []string
		want string
	}{
		{"socks is not supported", []string{"HTTPS_PROXY", "socks5://u:" + password + "@h:1080"}, "HTTPS_PROXY has a scheme other than http and https"},
		{"not a URL", []string{"https_proxy", "http://[" + password}, "https_proxy is not a URL"},
		{"no host", []string{"HTTPS_PROXY", "http://:80"}, "HTTPS_PROXY has no host"},
		{"socks for plain http", []string{"HTTP_PROXY", "socks5://h:1080"}, "HTTP_PROXY has a scheme"},
		{"a header Proxy of a CGI request is ignored", []string{"HTTP_PROXY", "socks5://h:1080", "REQUEST_METHOD", "GET"}, ""},
		{"blank is absent", []string{"HTTPS_PROXY", " ", "https_proxy", "http://h"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := safehttp.New(safehttp.Options{Env: environment(c.env...)})
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), password)
		})
	}
}

// Which hosts NO_PROXY excepts is seen by who gets the connection: the proxy is a
// server that refuses, and a host that is not proxied does not resolve.
func TestNoProxy(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, answer("HTTP/1.1 503 Proxied\r\n\r\n"))
	for _, c := range []struct {
		noProxy, host string
		proxied       bool
	}{
		{"", "a.invalid", true},
		{"*", "a.invalid", false},
		{"a.invalid", "a.invalid", false},
		{"a.invalid", "x.a.invalid", false},
		{"a.invalid", "xa.invalid", true},
		{".a.invalid", "a.invalid", true},
		{".a.invalid", "x.a.invalid", false},
		{"*.a.invalid", "x.a.invalid", false},
		{"A.Invalid", "a.INVALID", false},
		{"b.invalid, a.invalid", "a.invalid", false},
		{"a.invalid:443", "a.invalid", false},
		{"a.invalid:444", "a.invalid", true},
		{"192.0.2.0/24", "a.invalid", true},
		{"127.0.0.8/29", "127.0.0.9:1", false},
		{"192.0.2.1", "192.0.2.2", true},
		{"192.0.2.0/28", "192.0.2.16", true},
		{"2001:db8::/32", "[2001:db9::1]", true},
		{"", "127.0.0.1:1", false},
		{"", "localhost:1", false},
		{"", "[::1]:1", false},
	} {
		t.Run(c.noProxy+" and "+c.host, func(t *testing.T) {
			t.Parallel()
			cl := client(t, safehttp.Options{Env: environment("HTTPS_PROXY", p.addr, "NO_PROXY", c.noProxy), Connect: 2 * time.Second})
			_, _, err := post(t, cl, "https://"+c.host+"/")
			assert.Equal(t, c.proxied, failure(t, err).Kind == safehttp.Proxy, err)
		})
	}
}

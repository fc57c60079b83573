//go:build linux

package chaos

import (
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// listen serves TLS with a configuration and counts what came through a complete
// handshake.
func listen(t *testing.T, config *tls.Config) (address string, connections, bytes *atomic.Int64) {
	t.Helper()
	connections, bytes = new(atomic.Int64), new(atomic.Int64)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			wg.Go(func() {
				defer func() { _ = raw.Close() }()
				_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
				conn := tls.Server(raw, config)
				if conn.Handshake() != nil {
					return
				}
				n, _ := conn.Read(make([]byte, 4096))
				bytes.Add(int64(n))
			})
		}
	})
	return l.Addr().String(), connections, bytes
}

func TestT30U11ABadCertificateGetsNothing(t *testing.T) {
	t.Parallel()
	c := row(t, "T30, U11", "certificates and versions that must not be trusted: class 5, one try, not a byte sent, the cause named")
	w := newWorld(t)
	day := 24 * time.Hour
	now := time.Now()
	for name, one := range map[string]struct {
		certificate sandbox.Certificate
		change      func(*tls.Config)
		ca          bool
		says        string
	}{
		"self-signed":        {certificate: sandbox.Certificate{SelfSigned: true}, ca: true},
		"unknown CA":         {},
		"expired":            {certificate: sandbox.Certificate{NotBefore: now.Add(-3 * day), NotAfter: now.Add(-day)}, ca: true, says: "not now"},
		"not yet valid":      {certificate: sandbox.Certificate{NotBefore: now.Add(day), NotAfter: now.Add(3 * day)}, ca: true, says: "not now"},
		"wrong name":         {certificate: sandbox.Certificate{Names: []string{"other.test"}}, ca: true, says: "127.0.0.1"},
		"client certificate": {change: func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }, ca: true},
		"TLS 1.0":            {change: func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }, ca: true},
		"TLS 1.1":            {change: func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 }, ca: true},
	} {
		certificate, err := w.sb.IssueCertificate(one.certificate)
		require.NoError(t, err)
		config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS10}
		if one.change != nil {
			one.change(config)
		}
		for _, what := range []string{"mint", "exchange"} {
			address, connections, bytes := listen(t, config)
			v := w.fresh()
			if one.ca {
				v = v.with("AWF_CRED_CA_FILE=" + w.sb.CAFile())
			}
			url := "https://" + address + "/x"
			if what == "mint" {
				v = v.with("ACTIONS_ID_TOKEN_REQUEST_URL=" + url + "?a=b")
			} else {
				v = v.with("AWF_AUTH_ANTHROPIC_TOKEN_URL=" + url)
			}
			r := v.run("token", "--timeout", "10s")
			c.that(r.fails(5) && contains(r.err, one.says) && clean(r.err), "%s, %s: %v", name, what, r)
			if name != "client certificate" {
				c.that(bytes.Load() == 0, "%s, %s: %d bytes were sent", name, what, bytes.Load())
				c.that(connections.Load() == 1, "%s, %s: %d tries", name, what, connections.Load())
			}
		}
	}
	v := newWorld(t, sandbox.WithTLS())
	r := v.with("AWF_CRED_CA_FILE=" + v.sb.CAFile()).run("token")
	_, ok := r.token()
	c.that(ok, "a good one: %v", r)
	r = v.fresh().run("token", "--help")
	c.that(!strings.Contains(strings.ToLower(r.out), "insecure") && !contains(r.out, "skip-verify"), "no flag turns verification off")
}

func TestT32AHostileProxySeesNothing(t *testing.T) {
	t.Parallel()
	c := row(t, "T32", "HTTPS_PROXY to somebody else: CONNECT and no more; HTTP_PROXY has no say")
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var mu sync.Mutex
	var seen strings.Builder
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
				buf := make([]byte, 64<<10)
				n, _ := conn.Read(buf)
				mu.Lock()
				seen.Write(buf[:n])
				mu.Unlock()
				_, _ = conn.Write([]byte("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"))
			})
		}
	})
	proxy := "http://user:secret-of-proxy@" + l.Addr().String()
	r := w.with("HTTPS_PROXY="+proxy, "https_proxy="+proxy, "NO_PROXY=127.0.0.1", "AWF_AUTH_ANTHROPIC_TOKEN_URL=https://api.vendor.invalid/x").run("token", "--timeout", "4s")
	mu.Lock()
	text := seen.String()
	mu.Unlock()
	c.that(r.fails(5) && !contains(r.err, "secret-of-proxy") && contains(r.err, "proxy"), "%v", r)
	c.that(strings.HasPrefix(text, "CONNECT api.vendor.invalid:443 ") && !contains(text, "eyJ"), "the proxy saw %q", text)
	r = w.fresh().with("HTTP_PROXY="+proxy, "http_proxy="+proxy, "REQUEST_METHOD=GET").run("token")
	_, ok := r.token()
	c.that(ok, "HTTP_PROXY in a CGI: %v", r)
}

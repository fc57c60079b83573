//go:build linux

package chaos

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// refusal is serve's own error.
type refusal struct {
	Error struct {
		Message   string `json:"message"`
		Type      string `json:"type"`
		Provider  string `json:"provider"`
		Port      *int   `json:"port"`
		Retryable *bool  `json:"retryable"`
		RequestID string `json:"request_id"`
	} `json:"error"`
}

// ours reports whether a body is serve's JSON error, whole.
func ours(body string) (refusal, bool) {
	var r refusal
	err := json.Unmarshal([]byte(body), &r)
	e := r.Error
	return r, err == nil && e.Message != "" && e.Type != "" && e.Provider == "anthropic" && e.Port != nil && e.Retryable != nil && e.RequestID != ""
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return ln.Addr().String()
}

// deafPort is an address that lets no connection come about: its queue is full.
func deafPort(c *check) string {
	t := c.t
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, syscall.Listen(fd, 0))
	name, err := syscall.Getsockname(fd)
	require.NoError(t, err)
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 8 {
		c, err := net.DialTimeout("tcp", address, 300*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	c.note("no connection: not staged, this kernel takes connections beyond the queue")
	return closedPort(t)
}

func TestF130AnUpstreamThatCannotBeReached(t *testing.T) {
	t.Parallel()
	c := row(t, "F130", "upstream refused, unknown, untrusted, silent: 502 in serve's shape within the bound")
	w := newWorld(t)
	other := sandbox.Start(t)
	silent := newUpstream(t, func(c *upConn) { c.gone(time.Minute) })
	expired, err := w.sb.IssueCertificate(sandbox.Certificate{NotAfter: time.Now().Add(-time.Minute)})
	require.NoError(t, err)
	wrong, err := w.sb.IssueCertificate(sandbox.Certificate{Names: []string{"example.test"}})
	require.NoError(t, err)
	cases := []struct {
		name, upstream string
		within         time.Duration
		never          string
		slow           bool
	}{
		{"refused", "https://" + closedPort(t), 2 * time.Second, "refused", false},
		{"no such host", "https://no-such-host.invalid", 11 * time.Second, "no-such-host", false},
		{"another CA", other.TLSURL(sandbox.HostAnthropic), 2 * time.Second, "x509", false},
		{"expired certificate", tlsServer(t, expired), 2 * time.Second, "x509", false},
		{"wrong name", tlsServer(t, wrong), 2 * time.Second, "example.test", false},
		{"no handshake", "https://" + silent.ln.Addr().String(), 11 * time.Second, "handshake", true},
		{"no connection", "https://" + deafPort(c), 11 * time.Second, "127.0.0.1", true},
	}
	var all sync.WaitGroup
	for _, one := range cases {
		if one.slow && !full {
			continue
		}
		s := w.fresh().serving(one.upstream, "--ca-file", w.sb.CAFile()).live()
		all.Go(func() {
			begun := time.Now()
			status, body := s.ask()
			took := time.Since(begun)
			_, shape := ours(body)
			c.that((status == 502 || status == 504) && shape, "%s: %d %s", one.name, status, body)
			c.that(!contains(body, one.never) && !contains(body, "127.0.0.1") && !contains(body, "dial"), "%s: it says too much: %s", one.name, body)
			c.that(took < one.within+2*time.Second, "%s: after %v", one.name, took) // 2 s for a busy machine
			c.that(s.alive(), "%s: it lives", one.name)
		})
	}
	all.Wait()
	c.that(other.Counts().APIRequests == 0, "nothing was sent to a server that is not trusted")
}

// tlsServer shows a certificate and speaks no HTTP.
func tlsServer(t *testing.T, certificate tls.Certificate) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}})
	u := upstreamOn(t, ln, func(c *upConn) {
		for {
			if _, _, err := c.next(); err != nil {
				return
			}
			c.say(okReply)
		}
	})
	return "https://" + u.ln.Addr().String()
}

func TestF140ACertificateThatChanges(t *testing.T) {
	t.Parallel()
	c := row(t, "F140", "the upstream's certificate is of another CA: new connections follow the file after SIGHUP, old ones finish (another address is not staged: it needs a resolver)")
	w := newWorld(t)
	other := sandbox.Start(t)
	first, err := w.sb.IssueCertificate(sandbox.Certificate{})
	require.NoError(t, err)
	second, err := other.IssueCertificate(sandbox.Certificate{})
	require.NoError(t, err)
	var now atomic.Pointer[tls.Certificate]
	now.Store(&first)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	finish := make(chan struct{})
	u := upstreamOn(t, tls.NewListener(ln, &tls.Config{SessionTicketsDisabled: true, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return now.Load(), nil }}), func(c *upConn) {
		for {
			r, _, err := c.next()
			if err != nil {
				return
			}
			if r.URL.Path == "/stream" {
				c.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n")
				<-finish
				c.say("5\r\nended\r\n0\r\n\r\n")
				continue
			}
			c.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
			return
		}
	})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	copyFile(t, w.sb.CAFile(), ca)
	s := w.serving("https://"+u.ln.Addr().String(), "--ca-file", ca).live()
	res, err := s.client.Get("http://" + s.address + "/stream")
	require.NoError(t, err)
	defer res.Body.Close()
	begun := make([]byte, 5)
	_, err = io.ReadFull(res.Body, begun)
	c.that(err == nil && string(begun) == "begun", "a stream begins: %v", err)
	now.Store(&second)
	status, body := s.ask()
	c.that(status == 502, "a certificate of an unknown CA: %d %s", status, body)
	copyFile(t, other.CAFile(), ca)
	_ = s.cmd.Process.Signal(syscall.SIGHUP)
	s.await("reloaded", func() bool { status, _ := s.ask(); return status == 200 })
	status, body = s.ask()
	c.that(status == 200, "after SIGHUP: %d %s", status, body)
	close(finish)
	rest, err := io.ReadAll(res.Body)
	c.that(err == nil && string(rest) == "ended", "the old stream ends: %q %v", rest, err)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, 0o600))
}

func TestF142AProxyInFront(t *testing.T) {
	t.Parallel()
	c := row(t, "F142, F130", "HTTPS_PROXY refuses, answers 407, hangs, dies or lies: 502 that says so, without its password")
	w := newWorld(t, sandbox.With(func(c *sandbox.Config) {
		c.Certificate.Names = []string{"127.0.0.1", "localhost", "api.example.test"}
	}))
	const password = "canary-of-the-proxy-4711"
	hear := func(c *upConn) bool {
		r, err := http.ReadRequest(c.br)
		return err == nil && r.Method == http.MethodConnect
	}
	// A way through that ends with the stream.
	dying := func(c *upConn) {
		if !hear(c) {
			return
		}
		out, err := net.Dial("tcp", w.sb.Address(sandbox.HostAnthropic))
		if err != nil {
			return
		}
		defer out.Close()
		c.say("HTTP/1.1 200 Connection established\r\n\r\n")
		go func() { _, _ = io.Copy(out, c.br) }()
		_, _ = io.CopyN(c, out, 3000) // the handshake and the first events
	}
	cases := map[string]func(c *upConn){
		"closes": func(c *upConn) { hear(c) },
		"resets": func(c *upConn) { hear(c); c.reset() },
		"407": func(c *upConn) {
			hear(c)
			c.say("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n")
		},
		"503": func(c *upConn) { hear(c); c.say("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n") },
		"200 then garbage": func(c *upConn) {
			hear(c)
			c.say("HTTP/1.1 200 OK\r\n\r\n<html>not TLS</html>" + strings.Repeat("x", 4096))
		},
		"no HTTP": func(c *upConn) { hear(c); c.say("SSH-2.0-x\r\n") },
		"hangs":   func(c *upConn) { hear(c); c.gone(time.Minute) },
		"nobody":  nil,
	}
	var all sync.WaitGroup
	for name, handle := range cases {
		if name == "hangs" && !full {
			continue
		}
		address := closedPort(t)
		if handle != nil {
			address = newUpstream(t, handle).ln.Addr().String()
		}
		// A name that is not a loopback one, so that it goes through the proxy; token endpoint and mint do not.
		v := w.fresh().with("HTTPS_PROXY=http://user:"+password+"@"+address, "NO_PROXY=127.0.0.1")
		s := v.serving("https://api.example.test", "--ca-file", w.sb.CAFile(), "--log-level", "debug").live()
		all.Go(func() {
			begun := time.Now()
			status, body := s.ask()
			took := time.Since(begun)
			_, shape := ours(body)
			c.that((status == 502 || status == 504) && shape, "%s: %d %s", name, status, body)
			c.that(contains(body, "proxy") || name == "200 then garbage", "%s: it does not say that it was the proxy: %s", name, body)
			c.that(took < 13*time.Second, "%s: after %v", name, took)
			for _, secret := range []string{password, base64.StdEncoding.EncodeToString([]byte("user:" + password))} {
				c.that(!contains(body+s.said.String(), secret), "%s: the password is shown", name)
			}
		})
	}
	all.Wait()

	address := newUpstream(t, dying).ln.Addr().String()
	v := w.fresh().with("HTTPS_PROXY=http://user:"+password+"@"+address, "NO_PROXY=127.0.0.1")
	s := v.serving("https://api.example.test", "--ca-file", w.sb.CAFile()).live()
	req, err := http.NewRequest(http.MethodPost, "http://"+s.address+"/v1/messages", strings.NewReader(strings.Replace(askBody, "{", `{"stream":true,`, 1)))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Sandbox-Events", "200")
	res, err := s.client.Do(req)
	if err != nil {
		c.that(false, "dies in a stream: %v", err)
		return
	}
	defer res.Body.Close()
	body, err := io.ReadAll(bufio.NewReader(res.Body))
	c.that(err != nil && !contains(string(body), "message_stop") || res.StatusCode == 502, "dies in a stream: %d, %d bytes, %v", res.StatusCode, len(body), err)
}

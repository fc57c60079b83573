package relay

import (
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// connectProxy is an HTTP proxy that answers CONNECT with reply, and then tunnels
// if that is a success.
func connectProxy(t *testing.T, secure bool, reply string) (*fakeUpstream, *url.URL) {
	t.Helper()
	p := newFakeUpstream(t, secure, func(c *upstreamConn) {
		head := c.head()
		target, _, _ := strings.Cut(strings.TrimPrefix(head, "CONNECT "), " ")
		if reply == "" { // hangs
			_, _ = io.Copy(io.Discard, c.br)
			return
		}
		if !strings.HasPrefix(reply, "HTTP/1.1 200") || strings.Contains(reply, "garbage") {
			c.send(reply)
			_, _ = io.Copy(io.Discard, c.br)
			return
		}
		up, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		defer up.Close()
		c.send(reply)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(up, c.br)
			_ = up.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(c.Conn, up)
		_ = c.raw.Close()
		<-done
	})
	scheme := "http"
	if secure {
		scheme = "https"
	}
	return p, &url.URL{Scheme: scheme, Host: p.addr, User: url.UserPassword("user", "s3cret")}
}

func TestRequestsGoThroughAProxy(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		for _, reply := range []string{"HTTP/1.1 200 Connection established\r\n\r\n", "HTTP/1.1 200 OK\r\nProxy-Agent: x\r\nContent-Length: 0\r\n\r\n"} {
			p, u := connectProxy(t, secure, reply)
			r := newRig(t, rigOptions{upstream: UpstreamOptions{Proxy: u}}, echo)
			c := r.dial()
			for range 3 {
				c.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello")
				resp, body := c.get("POST")
				require.Equal(t, 200, resp.StatusCode, body)
				assert.Equal(t, "hello", body)
			}
			assert.Equal(t, 1, r.up.connections(), "the tunnel is used again")
			want := "CONNECT " + r.up.addr + " HTTP/1.1\r\nHost: " + r.up.addr + "\r\nProxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("user:s3cret")) + "\r\n"
			assert.Equal(t, []string{want}, p.requests())
			assert.NotContains(t, p.received(), "injected")
			assert.NotContains(t, r.up.received(), "Basic")
		}
	}
}

func TestFailuresOfTheProxyAreTheProxys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, reply string }{
		{"407", "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"},
		{"redirect", "HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\n\r\n"},
		{"garbage", "SSH-2.0-OpenSSH_9.2\r\n"},
		{"200 then garbage", "HTTP/1.1 200 OK\r\n\r\ngarbage"},
		{"endless", "HTTP/1.1 200 OK\r\nX: garbage" + strings.Repeat("y", 100<<10)},
		{"hang", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, u := connectProxy(t, false, c.reply)
			assert.Equal(t, ReasonUpstreamProxy, faultOf(t, UpstreamOptions{Scheme: "https", Address: "api.test:443", Proxy: u, DialTimeout: 200 * time.Millisecond}))
		})
	}
	t.Run("refuses", func(t *testing.T) {
		t.Parallel()
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, ln.Close())
		u := &url.URL{Scheme: "http", Host: ln.Addr().String(), User: url.UserPassword("user", "s3cret")}
		assert.Equal(t, ReasonUpstreamProxy, faultOf(t, UpstreamOptions{Scheme: "https", Address: "api.test:443", Proxy: u}))
	})
	t.Run("a proxy that is no TLS server", func(t *testing.T) {
		t.Parallel()
		_, u := connectProxy(t, false, "HTTP/1.1 200 OK\r\n\r\n")
		u.Scheme = "https"
		assert.Equal(t, ReasonUpstreamProxy, faultOf(t, UpstreamOptions{Scheme: "https", Address: "api.test:443", Proxy: u, DialTimeout: 500 * time.Millisecond}))
	})
	t.Run("garbage in place of TLS", func(t *testing.T) {
		t.Parallel()
		plain := newFakeUpstream(t, false, func(c *upstreamConn) { c.send("220 smtp.test ESMTP\r\n"); c.head() })
		_, u := connectProxy(t, false, "HTTP/1.1 200 OK\r\n\r\n")
		assert.Equal(t, ReasonUpstreamProxy, faultOf(t, UpstreamOptions{Scheme: "https", Address: plain.addr, Proxy: u}))
	})
	t.Run("a bad certificate behind it is the upstream's", func(t *testing.T) {
		t.Parallel()
		up := newFakeUpstream(t, true, echo)
		_, u := connectProxy(t, false, "HTTP/1.1 200 OK\r\n\r\n")
		assert.Equal(t, ReasonUpstreamTLS, faultOf(t, UpstreamOptions{Scheme: "https", Address: up.addr, Proxy: u}))
	})
	t.Run("socks", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, ReasonUpstreamProxy, faultOf(t, UpstreamOptions{Scheme: "https", Address: "api.test:443", Proxy: &url.URL{Scheme: "socks5", Host: "127.0.0.1:1"}}))
	})
}

func TestAnUpstreamThatRefusesHTTP1IsNamed(t *testing.T) {
	t.Parallel()
	cert, roots := testCertificate(t)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"spdy/3"}})
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			b, _ := io.ReadAll(c)
			assert.Empty(t, b)
			_ = c.Close()
		}
	}()
	assert.Equal(t, ReasonUpstreamHTTP2, faultOf(t, UpstreamOptions{Scheme: "https", Address: ln.Addr().String(), TLS: &tls.Config{RootCAs: roots}}))
	_ = ln.Close()
	<-ended
}

func TestOldTLSAndWrongNamesAreRefused(t *testing.T) {
	t.Parallel()
	cert, roots := testCertificate(t)
	for _, c := range []struct {
		name   string
		server *tls.Config
		client *tls.Config
	}{
		{"TLS 1.1", &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10}},
		{"another name", &tls.Config{Certificates: []tls.Certificate{cert}}, &tls.Config{RootCAs: roots, ServerName: "other.test"}},
		{"verification cannot be turned off", &tls.Config{Certificates: []tls.Certificate{cert}}, &tls.Config{InsecureSkipVerify: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ln, err := tls.Listen("tcp", "127.0.0.1:0", c.server)
			require.NoError(t, err)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for {
					conn, err := ln.Accept()
					if err != nil {
						return
					}
					b, _ := io.ReadAll(conn)
					assert.Empty(t, b)
					_ = conn.Close()
				}
			}()
			assert.Equal(t, ReasonUpstreamTLS, faultOf(t, UpstreamOptions{Scheme: "https", Address: ln.Addr().String(), TLS: c.client}))
			_ = ln.Close()
			<-ended
		})
	}
}

func TestTheResponseHeaderTimeout(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{upstream: UpstreamOptions{ResponseHeaderTimeout: 50 * time.Millisecond}}, func(c *upstreamConn) {
		for {
			head := c.head()
			switch {
			case head == "":
				return
			case strings.Contains(head, "/never"):
			case strings.Contains(head, "/slow"):
				c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
				time.AfterFunc(200*time.Millisecond, func() { c.send("0\r\n\r\n") })
			}
		}
	})
	c := r.dial()
	c.send("GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n")
	resp, body := c.get("GET")
	assert.Equal(t, 504, resp.StatusCode)
	assert.Equal(t, ReasonUpstreamTimeout, body)
	c.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
	resp, _ = c.get("GET")
	assert.Equal(t, 200, resp.StatusCode, "the limit is for the head alone")
}

func TestTheHostOfAnUpstream(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ scheme, address, host, want string }{
		{"https", "api.test:443", "", "api.test"},
		{"https", "api.test:8443", "", "api.test:8443"},
		{"http", "127.0.0.1:80", "", "127.0.0.1"},
		{"https", "[::1]:443", "", "[::1]"},
		{"https", "10.0.0.1:443", "api.test", "api.test"},
	} {
		u := NewUpstream(UpstreamOptions{Scheme: c.scheme, Address: c.address, Host: c.host})
		assert.Equal(t, c.want, u.Host())
	}
}

func TestIdleConnectionsAreBoundedAndAge(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{upstream: UpstreamOptions{MaxIdle: 2, IdleTimeout: 100 * time.Millisecond}}, func(c *upstreamConn) {
		for c.head() != "" {
			time.AfterFunc(20*time.Millisecond, func() { c.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") })
		}
	})
	var clients []*client
	for range 5 {
		c := r.dial()
		c.send(get)
		clients = append(clients, c)
	}
	for _, c := range clients {
		resp, _ := c.get("GET")
		assert.Equal(t, 200, resp.StatusCode)
	}
	eventually(t, func() bool { return r.policy.up.Stats().Open <= 2 }, "bounded")
	eventually(t, func() bool { return r.policy.up.Stats().Open == 0 }, "aged")
	clients[0].send(get)
	resp, _ := clients[0].get("GET")
	assert.Equal(t, 200, resp.StatusCode)
	r.policy.up.Close()
	eventually(t, func() bool { return r.policy.up.Stats().Open == 0 }, "closed, this one when its request has ended")
	clients[0].send(get)
	resp, _ = clients[0].get("GET")
	assert.Equal(t, 200, resp.StatusCode, "a closed upstream still serves")
	eventually(t, func() bool { return r.policy.up.Stats().Open == 0 }, "but keeps nothing")
}

// What ends or falls silent in the handshake may work the next time: it is no
// certificate that is not trusted.
func TestAConnectionThatEndsInTheHandshake(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(net.Conn){
		"the end":          func(c net.Conn) { _ = c.Close() },
		"a reset":          func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() },
		"half of a record": func(c net.Conn) { _, _ = c.Write([]byte("\x16\x03\x03")); _ = c.Close() },
		"silence":          func(c net.Conn) { _, _ = io.Copy(io.Discard, c); _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			done := make(chan struct{})
			go func() {
				defer close(done)
				c, err := ln.Accept()
				if err == nil {
					_, _ = c.Read(make([]byte, 5)) // some of the ClientHello
					then(c)
				}
			}()
			assert.Equal(t, ReasonUpstreamDial, faultOf(t, UpstreamOptions{Scheme: "https", Address: ln.Addr().String(), DialTimeout: time.Second}))
			require.NoError(t, ln.Close())
			<-done
		})
	}
}

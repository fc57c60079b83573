package relay

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
)

// longestConnectReply bounds the head of a proxy's answer to CONNECT.
const longestConnectReply = 16 << 10

// secureProxy is a connection to a proxy that is spoken to over TLS.
type secureProxy struct {
	*tls.Conn
	under *wire
}

// Close closes the socket; the proxy's close alert could wait.
func (p *secureProxy) Close() error { return p.under.Conn.Close() }

// try reads what is there without waiting.
func (p *secureProxy) try(b []byte) (int, error) {
	p.under.probing = true
	n, err := p.Conn.Read(b)
	p.under.probing = false
	return n, err
}

// reachThroughProxy opens a tunnel with CONNECT (RFC 9110 section 9.3.6). Errors
// name the proxy's host, never its userinfo.
func (u *Upstream) reachThroughProxy(ctx context.Context) (net.Conn, error) {
	p := u.o.Proxy
	port := p.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[p.Scheme]
	}
	address := net.JoinHostPort(p.Hostname(), port)
	fail := func(err error) (net.Conn, error) {
		return nil, &dialError{ReasonUpstreamProxy, fmt.Errorf("proxy %s: %w", address, err)}
	}
	if p.Scheme != "http" && p.Scheme != "https" {
		return fail(fmt.Errorf("scheme %q is not supported", p.Scheme))
	}
	conn, err := u.dialTCP(ctx, address)
	if err != nil {
		return fail(err)
	}
	if u.proxyTLS != nil {
		under := &wire{sock: newSock(conn, u.buffers), secure: true}
		secure := tls.Client(under, u.proxyTLS)
		if err := handshake(ctx, secure, u.o.DialTimeout); err != nil {
			_ = conn.Close()
			return fail(err)
		}
		conn = &secureProxy{Conn: secure, under: under}
	}
	if err := u.connectCall(ctx, conn); err != nil {
		_ = conn.Close()
		return fail(err)
	}
	return conn, nil
}

// connectCall sends CONNECT and reads the answer.
func (u *Upstream) connectCall(ctx context.Context, conn net.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, u.o.DialTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(now()) })
	err := u.connectExchange(conn)
	if !stop() {
		return context.Cause(ctx)
	}
	return err
}

func (u *Upstream) connectExchange(conn net.Conn) error {
	b := append([]byte("CONNECT "), u.o.Address...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, u.o.Address...)
	b = append(b, "\r\n"...)
	if user := u.o.Proxy.User; user != nil {
		password, _ := user.Password()
		b = append(b, "Proxy-Authorization: Basic "...)
		b = base64.StdEncoding.AppendEncode(b, []byte(user.Username()+":"+password))
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	if _, err := conn.Write(b); err != nil {
		return err
	}
	return readConnectReply(conn)
}

func readConnectReply(conn net.Conn) error {
	var h ReplyHead
	var r response
	buf := make([]byte, 0, 1024)
	for {
		size, ok := parseResponse(buf, &h, &r, 200)
		switch {
		case !ok:
			return errors.New("answer to CONNECT is not HTTP")
		case size > 0 && h.Status < 200:
			buf = buf[:copy(buf, buf[size:])]
			continue
		case size > 0 && h.Status > 299:
			return fmt.Errorf("it refused CONNECT with status %d", h.Status)
		case size > 0 && size < len(buf):
			// A TLS server does not speak first.
			return errors.New("bytes after the answer to CONNECT")
		case size > 0:
			return nil
		case len(buf) >= longestConnectReply:
			return errors.New("answer to CONNECT is too long")
		}
		buf = slices.Grow(buf, 512)
		n, err := conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if n == 0 && err != nil {
			return fmt.Errorf("no answer to CONNECT: %w", err)
		}
	}
}

package safehttp

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"syscall"
	"time"
)

// past ends every read and write of a connection at once.
var past = time.Unix(1, 0)

// open makes the connection for one request: name, dial, proxy, TLS.
func (c *Client) open(ctx context.Context, u *url.URL) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, c.connect)
	defer cancel()
	w := c.wireTo(u)
	defer c.readRootsAhead(u.Scheme)()
	if err := c.connectTo(ctx, w, u.Scheme, u.Hostname()); err != nil {
		if w.conn != nil {
			_ = w.conn.Close()
		}
		return nil, w.fail(ctx, err)
	}
	w.ready()
	return w, nil
}

// wireTo is a connection to the server of u that is still to be made.
func (c *Client) wireTo(u *url.URL) *wire {
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	w := &wire{host: net.JoinHostPort(host, port)}
	if u.Scheme == "https" && c.proxy.use(host, port) {
		w.proxy = c.proxy.addr
	}
	return w
}

// readRootsAhead reads the certificates that the handshake will need while the
// network is busy with the name and the connection: reading a distribution's
// whole list takes longer than a connection in the same city. The handshake waits
// for it where it is late; the returned function waits in any case.
func (c *Client) readRootsAhead(scheme string) (wait func()) {
	if scheme != "https" {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if p, err := c.roots(); p == nil && err == nil {
			_, _ = x509.SystemCertPool() // the handshake meets the error again
		}
	}()
	return func() { <-done }
}

func (c *Client) connectTo(ctx context.Context, w *wire, scheme, host string) (err error) {
	d := net.Dialer{}
	addr := w.host
	switch {
	case w.proxy != "":
		addr = w.proxy
	case scheme == "http":
		d.Control = onlyLoopback
	}
	if w.conn, err = d.DialContext(ctx, "tcp", addr); err != nil {
		w.conn = nil
		if w.proxy != "" {
			return proxyError(err)
		}
		return err
	}
	if w.proxy != "" {
		if err := c.throughProxy(ctx, w); err != nil {
			return err
		}
	}
	if scheme == "https" {
		return c.secure(ctx, w, host)
	}
	return nil
}

// onlyLoopback holds plain http to what CheckEndpoint promised: `localhost` is a
// name, and names resolve to what somebody says.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		return &Error{Kind: Endpoint, Detail: "the name is not a loopback address here, and plain http goes nowhere else", Err: errors.New("not loopback")}
	}
	return nil
}

// bounded runs f and ends its reads and writes on conn when ctx ends.
func bounded(ctx context.Context, conn net.Conn, f func() error) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(past) })
	err := f()
	if !stop() && err == nil {
		return ctx.Err()
	}
	return err
}

package relay

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// dialError is a failed connection with the phrase that blames the right party.
type dialError struct {
	reason string
	err    error
}

func (e *dialError) Error() string { return e.reason + ": " + e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// dial opens a connection in a goroutine of its own, whose stack, deep from the
// handshake, ends with it; it waits for that goroutine in any case.
func (u *Upstream) dial(ctx context.Context) (c *upConn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				err = &dialError{ReasonUpstreamDial, fmt.Errorf("panic: %v", p)}
			}
		}()
		c, err = u.connect(ctx)
	}()
	<-done
	if err == nil {
		u.dialed.Add(1)
		u.open.Add(1)
	}
	return c, err
}

func (u *Upstream) connect(ctx context.Context) (*upConn, error) {
	conn, err := u.reach(ctx)
	if err != nil {
		return nil, err
	}
	w := &wire{sock: newSock(conn, u.buffers)}
	c := &upConn{ReadWriter: w, wire: w, u: u}
	if u.tls == nil {
		return c, nil
	}
	w.secure = true
	c.tls = tls.Client(w, u.tls)
	c.ReadWriter = c.tls
	if err := handshake(ctx, c.tls, u.o.DialTimeout); err != nil {
		_ = conn.Close()
		return nil, &dialError{u.blameTLS(err), err}
	}
	return c, nil
}

// reach connects to the upstream's port, directly or through the proxy.
func (u *Upstream) reach(ctx context.Context) (net.Conn, error) {
	if u.o.Proxy != nil {
		return u.reachThroughProxy(ctx)
	}
	conn, err := u.dialTCP(ctx, u.o.Address)
	if err != nil {
		reason := ReasonUpstreamDial
		var dns *net.DNSError
		if errors.As(err, &dns) {
			reason = ReasonUpstreamDNS
		}
		return nil, &dialError{reason, err}
	}
	return conn, nil
}

func (u *Upstream) dialTCP(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, u.o.DialTimeout)
	defer cancel()
	if u.o.Dial != nil {
		return u.o.Dial(ctx, "tcp", address)
	}
	return u.dialer.DialContext(ctx, "tcp", address)
}

func handshake(ctx context.Context, c *tls.Conn, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return c.HandshakeContext(ctx)
}

// blameTLS says whose fault a failed handshake with the upstream is. A connection
// that ended or fell silent in it may work the next time, as one that could not be
// opened. Behind a proxy everything but a bad certificate or an alert of the
// upstream is put down to the proxy, which promised a connection.
func (u *Upstream) blameTLS(err error) string {
	var cert *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	switch text := err.Error(); {
	case strings.Contains(text, "no application protocol"), strings.Contains(text, "unadvertised ALPN protocol"):
		// Neither alert nor ALPN failure has a type of its own (crypto/tls).
		return ReasonUpstreamHTTP2
	case errors.As(err, &cert), errors.As(err, &unknown), strings.Contains(text, "remote error: "):
		return ReasonUpstreamTLS
	case u.o.Proxy != nil:
		return ReasonUpstreamProxy
	case broken(err):
		return ReasonUpstreamDial
	}
	return ReasonUpstreamTLS
}

// broken reports whether a connection ended, or its time did.
func broken(err error) bool {
	var op *net.OpError // of the socket; what TLS finds out has another form
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &op) && op.Op != "remote error" && op.Op != "local error"
}

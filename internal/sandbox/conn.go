package sandbox

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// conn serves one connection.
type conn struct {
	sandbox *Sandbox
	host    *listener
	raw     *net.TCPConn
	tls     *tls.Conn // nil on a plain connection
	id      int64
	br      *bufio.Reader
	bw      *bufio.Writer
}

// peeked is a connection whose first bytes were looked at.
type peeked struct {
	net.Conn
	br *bufio.Reader
}

func (p peeked) Read(b []byte) (int, error) { return p.br.Read(b) }

// serve handles requests until either side ends the connection.
func (c *conn) serve() {
	defer c.raw.Close()
	if f := c.sandbox.faults.accept(c.host.name); f != nil {
		c.sandbox.faulted()
		c.br, c.bw = bufio.NewReader(c.raw), bufio.NewWriter(c.raw)
		if c.act(f) != nil {
			return
		}
		if f.Raw != "" {
			c.sendRaw(f)
			return
		}
	}
	if err := c.handshake(); err != nil {
		return
	}
	for c.next() {
	}
	if c.tls != nil {
		c.tls.Close() // close_notify, unless the connection is gone already
	}
}

// handshake looks at the first byte: 22 begins a TLS record, no method does.
func (c *conn) handshake() error {
	br := bufio.NewReaderSize(c.raw, 16<<10)
	first, err := br.Peek(1)
	if err != nil {
		return err
	}
	var rw net.Conn = peeked{c.raw, br}
	if first[0] == 22 {
		t := tls.Server(rw, c.sandbox.ca.config())
		if err := t.HandshakeContext(c.sandbox.ctx); err != nil {
			return err
		}
		rw, c.tls = t, t
		br = bufio.NewReaderSize(t, 16<<10)
	}
	c.br, c.bw = br, bufio.NewWriterSize(rw, 16<<10)
	return nil
}

// next serves one request and reports whether another may follow.
func (c *conn) next() bool {
	r, err := readHead(c.br)
	if r == nil {
		return false
	}
	r.host, r.tls, r.conn = c.host.name, c.tls != nil, c.id
	if err != nil {
		return c.malformed(r, err)
	}
	var handle handler
	r.endpoint, handle = c.host.route(r)
	f := c.fault(r)
	if f != nil && f.stage() == StageHead && (f.breaks() || f.replaces() || f.Raw != "") {
		c.sandbox.record(r, f.Status, f, nil)
		return c.act(f) == nil && c.early(r, (&reply{header: http.Header{}}).apply(f, c.host.failure(r)), f)
	}
	if f != nil && f.stage() == StageHead {
		if c.act(f) != nil {
			return false
		}
	}
	if err := c.readBody(r, f); err != nil {
		if !errors.Is(err, errBroken) {
			c.sandbox.record(r, 0, f, err)
		}
		if errors.Is(err, errTooLarge) {
			return c.early(r, c.host.tooLarge(r), nil)
		}
		return false
	}
	c.host.arrived(r)
	var p *reply
	if f == nil || !f.Discard {
		p = handle(r)
	}
	return c.answer(r, p, f)
}

func (c *conn) fault(r *request) *Fault {
	if c.host.name == HostAdmin {
		return nil
	}
	return c.sandbox.faults.take(r.endpoint)
}

func (c *conn) malformed(r *request, err error) bool {
	if errors.Is(err, io.EOF) && len(r.head) == 0 {
		return false
	}
	r.endpoint = c.host.name.unknown()
	c.sandbox.record(r, http.StatusBadRequest, nil, err)
	io.WriteString(c.bw, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	c.bw.Flush()
	return false
}

func (c *conn) readBody(r *request, f *Fault) error {
	if strings.EqualFold(r.header.Get("Expect"), "100-continue") {
		io.WriteString(c.bw, "HTTP/1.1 100 Continue\r\n\r\n")
		c.bw.Flush()
	}
	if f != nil && f.stage() == StageRequest {
		if r.length != 0 {
			if _, err := c.br.Peek(1); err != nil {
				return err
			}
		}
		if f.breaks() {
			c.sandbox.record(r, 0, f, errBroken)
		}
		if err := c.act(f); err != nil {
			return err
		}
	}
	if r.length == 0 {
		return nil
	}
	return r.readBody(c.br, c.host.limit(r.endpoint))
}

// act does what a fault does at its stage; an error ends the connection.
func (c *conn) act(f *Fault) error {
	if f.Gate != nil {
		f.Gate.pass(c.sandbox.ctx)
	}
	if err := c.sandbox.wait(time.Duration(f.Delay)); err != nil {
		return err
	}
	switch {
	case f.Hang:
		c.hang()
		return errBroken
	case f.Reset:
		c.raw.SetLinger(0)
		c.raw.Close()
		return errBroken
	case f.Close:
		c.raw.CloseWrite()
		c.raw.Close()
		return errBroken
	}
	return nil
}

// hang waits until the client leaves or the sandbox closes. Bytes that the
// client still sends are swallowed.
func (c *conn) hang() {
	io.Copy(io.Discard, c.raw)
}

package sandbox

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sort"
	"strconv"
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
			io.WriteString(c.raw, f.Raw)
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

// answer writes p as the fault bends it and records what was done.
func (c *conn) answer(r *request, p *reply, f *Fault) bool {
	if p == nil {
		p = &reply{status: http.StatusNoContent, header: http.Header{}}
	}
	if f != nil {
		p = p.apply(f, c.host.failure(r))
	}
	c.sandbox.record(r, p.status, f, nil)
	if f != nil && f.stage() == StageAnswer {
		if c.act(f) != nil {
			return false
		}
	}
	if f != nil && f.Raw != "" {
		io.WriteString(c.bw, f.Raw)
		c.bw.Flush()
		return false
	}
	return c.write(r, p, f) == nil && !r.close
}

// early answers before the body was read, and ends the connection: half closed
// first, so that the answer is not lost to a reset.
func (c *conn) early(r *request, p *reply, f *Fault) bool {
	r.close = true
	if f != nil && f.Raw != "" {
		io.WriteString(c.bw, f.Raw)
		c.bw.Flush()
	} else if c.write(r, p, f) != nil {
		return false
	}
	c.raw.CloseWrite()
	c.raw.SetReadDeadline(time.Now().Add(time.Second))
	io.Copy(io.Discard, io.LimitReader(c.br, 64<<20))
	return false
}

// write sends the answer's head and body.
func (c *conn) write(r *request, p *reply, f *Fault) error {
	s := &stream{c: c, f: f, none: r.method == http.MethodHead || p.status == 204 || p.status == 304}
	s.chunked = p.stream != nil || f != nil && f.Chunked
	if s.chunked && r.proto == "HTTP/1.0" {
		s.chunked, r.close = false, true
	}
	c.informational(f)
	c.head(r, p, f, s)
	if p.tunnel {
		return c.tunnel()
	}
	if f != nil && f.stage() == StageHeaders {
		if err := s.act(); err != nil {
			return err
		}
	}
	var err error
	if p.stream != nil {
		if !s.none {
			err = p.stream(s)
		}
	} else {
		_, err = s.Write(p.body)
	}
	if err != nil {
		return err
	}
	if err := s.finish(); err != nil {
		return err
	}
	if f != nil && p.mismatched() {
		return errBroken
	}
	if f == nil || f.Append == "" {
		return nil
	}
	io.WriteString(c.bw, f.Append)
	return c.bw.Flush()
}

// tunnel sends everything back until either side ends the connection.
func (c *conn) tunnel() error {
	buf := make([]byte, 16<<10)
	for {
		if err := c.bw.Flush(); err != nil {
			return err
		}
		n, err := c.br.Read(buf)
		if err != nil {
			return err
		}
		c.bw.Write(buf[:n])
	}
}

// mismatched reports a Content-Length of the fault's own that is not the body's:
// the client waits for more, so that only the end of the connection ends it.
func (p *reply) mismatched() bool {
	length := p.header.Get("Content-Length")
	return length != "" && length != strconv.Itoa(len(p.body))
}

func (c *conn) informational(f *Fault) {
	if f == nil {
		return
	}
	status := f.InformationalStatus
	if status == 0 {
		status = http.StatusEarlyHints
	}
	for range f.Informational {
		io.WriteString(c.bw, "HTTP/1.1 "+strconv.Itoa(status)+" "+http.StatusText(status)+"\r\n\r\n")
	}
}

func (c *conn) head(r *request, p *reply, f *Fault, s *stream) {
	w := c.bw
	io.WriteString(w, "HTTP/1.1 "+strconv.Itoa(p.status)+" "+http.StatusText(p.status)+"\r\n")
	field := func(name, value string) { io.WriteString(w, name+": "+value+"\r\n") }
	if date, ok := c.date(f); ok && p.header.Get("Date") == "" {
		field("Date", date)
	}
	names := make([]string, 0, len(p.header))
	for name := range p.header {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		for _, value := range p.header[name] {
			field(name, value)
		}
	}
	_, framed := p.header["Content-Length"]
	switch {
	case framed || p.tunnel || s.none && p.status != http.StatusOK:
	case s.chunked:
		field("Transfer-Encoding", "chunked")
	case p.stream != nil: // HTTP/1.0: the end of the connection ends the body
	default:
		field("Content-Length", strconv.Itoa(len(p.body)))
	}
	if r.close {
		field("Connection", "close")
	}
	io.WriteString(w, "\r\n")
}

// date is the Date header: the sandbox's clock, as the fault moves it.
func (c *conn) date(f *Fault) (string, bool) {
	now := c.sandbox.Now()
	if f != nil {
		if f.NoDate || f.Date != "" {
			return f.Date, !f.NoDate
		}
		now = now.Add(time.Duration(f.DateOffset))
	}
	return now.UTC().Format(http.TimeFormat), true
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

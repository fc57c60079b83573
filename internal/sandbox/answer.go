package sandbox

import (
	"io"
	"net/http"
	"sort"
	"strconv"
	"time"
)

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
		c.sendRaw(f)
		return false
	}
	return c.write(r, p, f) == nil && !r.close
}

// sendRaw sends the fault's own bytes, and repeats what it repeats.
func (c *conn) sendRaw(f *Fault) {
	io.WriteString(c.bw, f.Raw)
	for i := 0; f.Repeat != "" && i != f.Repeats; i++ {
		if f.DripEvery > 0 {
			if c.bw.Flush() != nil || c.sandbox.wait(time.Duration(f.DripEvery)) != nil {
				return
			}
		}
		if _, err := io.WriteString(c.bw, f.Repeat); err != nil {
			return
		}
	}
	c.bw.Flush()
}

// early answers before the body was read, and ends the connection: half closed
// first, so that the answer is not lost to a reset.
func (c *conn) early(r *request, p *reply, f *Fault) bool {
	r.close = true
	if f != nil && f.Raw != "" {
		c.sendRaw(f)
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

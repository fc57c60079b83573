package hostile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Field is one header or trailer line.
type Field struct{ Name, Value string }

// Request is what the upstream received.
type Request struct {
	Method, Target string
	Fields         []Field
	Trailers       []Field
	Body           []byte
	Head           []byte // request line, header and trailer section as they came
	Tunnel         bool   // it was answered with 101
}

// Values are the values of a header, its name compared as fold does.
func (r Request) Values(name string) []string {
	var out []string
	for _, f := range r.Fields {
		if fold(f.Name) == fold(name) {
			out = append(out, f.Value)
		}
	}
	return out
}

// fold makes names equal that some server takes for equal: case, and _ for -.
func fold(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "-") }

// Upstream records raw requests. It reads them strictly: whatever is not exactly
// what RFC 9112 lets a sender write is kept as a complaint.
type Upstream struct {
	ln net.Listener
	wg sync.WaitGroup

	mu         sync.Mutex
	conns      map[net.Conn]bool
	requests   []Request
	seen       int
	broken     int
	complaints []string
	early      bool
	judge      func(Request) error // instead of keeping requests
	closed     bool
}

// NewUpstream listens on a loopback port.
func NewUpstream() (*Upstream, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	u := &Upstream{ln: ln, conns: map[net.Conn]bool{}}
	u.wg.Add(1)
	go u.accept()
	return u, nil
}

// Address is HOST:PORT.
func (u *Upstream) Address() string { return u.ln.Addr().String() }

// Close ends the listener and every connection, and waits for them.
func (u *Upstream) Close() {
	u.mu.Lock()
	u.closed = true
	for c := range u.conns {
		c.Close()
	}
	u.mu.Unlock()
	u.ln.Close()
	u.wg.Wait()
}

// Mark is the number of requests so far; broken ones are counted apart.
func (u *Upstream) Mark() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.early = false
	return u.seen
}

// Since returns the requests after a mark.
func (u *Upstream) Since(mark int) []Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	keep := len(u.requests) - (u.seen - mark)
	return append([]Request(nil), u.requests[max(keep, 0):]...)
}

// Forget drops what is recorded, not the count.
func (u *Upstream) Forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.requests = nil
}

// Judge makes f look at each request instead of keeping it; nil ends that. What f
// says becomes a complaint.
func (u *Upstream) Judge(f func(Request) error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.judge = f
}

// Complaints returns and forgets what was wrong with the bytes that came.
func (u *Upstream) Complaints() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	c := u.complaints
	u.complaints = nil
	return c
}

// Early reports whether bytes came behind an upgrade before its 101.
func (u *Upstream) Early() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.early
}

func (u *Upstream) accept() {
	defer u.wg.Done()
	for {
		c, err := u.ln.Accept()
		if err != nil {
			return
		}
		u.mu.Lock()
		if u.closed {
			c.Close()
		} else {
			u.conns[c] = true
			u.wg.Add(1)
			go u.serve(c)
		}
		u.mu.Unlock()
	}
}

func (u *Upstream) serve(c net.Conn) {
	defer u.wg.Done()
	defer func() {
		u.mu.Lock()
		delete(u.conns, c)
		u.mu.Unlock()
		c.Close()
	}()
	in := bufio.NewReader(c)
	for {
		r, err := u.read(c, in)
		switch {
		case errors.Is(err, errIdle):
			return
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), isReset(err):
			u.mu.Lock()
			u.broken++
			u.mu.Unlock()
			return
		case err != nil:
			u.complain(fmt.Sprintf("malformed request upstream: %v: %q", err, cut(string(r.Head))))
			return
		}
		if !u.answer(c, in, r) {
			return
		}
	}
}

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op)
}

func (u *Upstream) complain(s string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.complaints) < 20 {
		u.complaints = append(u.complaints, s)
	}
}

func (u *Upstream) record(r Request) {
	u.mu.Lock()
	judge := u.judge
	u.seen++
	if judge == nil {
		u.requests = append(u.requests, r)
	}
	u.mu.Unlock()
	if judge != nil {
		if err := judge(r); err != nil {
			u.complain(err.Error())
		}
	}
}

// errIdle is the end of a connection between two requests.
var errIdle = errors.New("idle")

// read takes one request off a connection.
func (u *Upstream) read(c net.Conn, in *bufio.Reader) (Request, error) {
	var r Request
	if _, err := in.Peek(1); err != nil {
		return r, errIdle
	}
	line, err := r.line(in)
	if err != nil {
		return r, err
	}
	parts := strings.Split(line, " ")
	if len(parts) != 3 || !isToken(parts[0]) || parts[2] != "HTTP/1.1" || !strings.HasPrefix(parts[1], "/") || !isVisible(parts[1]) {
		return r, errors.New("request line")
	}
	r.Method, r.Target = parts[0], parts[1]
	if r.Fields, err = r.section(in); err != nil {
		return r, err
	}
	for _, f := range r.Fields {
		if fold(f.Name) == "expect" {
			_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		}
	}
	return r, r.readBody(in)
}

// readBody follows RFC 9112 section 6.3, and takes both framings at once for an error.
func (r *Request) readBody(in *bufio.Reader) error {
	te, cl := r.Values("transfer-encoding"), r.Values("content-length")
	switch {
	case len(te)+len(cl) == 0:
		return nil
	case len(te)+len(cl) > 1:
		return errors.New("framed twice")
	case len(cl) == 1:
		n, err := strconv.ParseUint(cl[0], 10, 63)
		if err != nil || strconv.FormatUint(n, 10) != cl[0] {
			return errors.New("content-length")
		}
		var b bytes.Buffer
		if _, err := io.CopyN(&b, in, int64(n)); err != nil {
			return io.ErrUnexpectedEOF
		}
		r.Body = b.Bytes()
		return nil
	case te[0] != "chunked":
		return errors.New("transfer-encoding")
	}
	for {
		line, err := plainLine(in)
		if err != nil {
			return err
		}
		size, _, _ := strings.Cut(line, ";")
		size = strings.TrimRight(size, " \t")
		n, err := strconv.ParseUint(size, 16, 62)
		if err != nil || strings.ContainsAny(size, "+-xX_") {
			return errors.New("chunk size")
		}
		if n == 0 {
			break
		}
		var chunk bytes.Buffer
		if _, err := io.CopyN(&chunk, in, int64(n)+2); err != nil {
			return io.ErrUnexpectedEOF
		}
		if !bytes.HasSuffix(chunk.Bytes(), []byte("\r\n")) {
			return errors.New("chunk end")
		}
		r.Body = append(r.Body, chunk.Bytes()[:n]...)
	}
	var err error
	r.Trailers, err = r.section(in)
	return err
}

// section reads header or trailer lines up to the empty one.
func (r *Request) section(in *bufio.Reader) ([]Field, error) {
	var fields []Field
	for {
		line, err := r.line(in)
		if err != nil {
			return nil, err
		}
		if line == "" {
			return fields, nil
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) || !isValue(value) {
			return nil, errors.New("field line")
		}
		fields = append(fields, Field{name, strings.Trim(value, " \t")})
	}
}

// line reads up to CRLF and keeps the bytes in Head.
func (r *Request) line(in *bufio.Reader) (string, error) {
	line, err := plainLine(in)
	r.Head = append(append(r.Head, line...), '\r', '\n')
	return line, err
}

func plainLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return line, io.ErrUnexpectedEOF
	}
	s, ok := strings.CutSuffix(line, "\r\n")
	if !ok || strings.Contains(s, "\r") {
		return line, errors.New("line end")
	}
	return s, nil
}

func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func isValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// answer replies by what the path asks for; false ends the connection.
func (u *Upstream) answer(c net.Conn, in *bufio.Reader, r Request) bool {
	path, _, _ := strings.Cut(r.Target, "?")
	say := func(s string) bool { _, err := io.WriteString(c, s); return err == nil }
	switch {
	case path == "/switch":
		u.record(r)
		say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n")
		return false
	case len(r.Values("upgrade")) > 0:
		if path == "/late-switch" {
			_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			if _, err := in.Peek(1); err == nil {
				u.mu.Lock()
				u.early = true
				u.mu.Unlock()
			}
			_ = c.SetReadDeadline(time.Time{})
		}
		r.Tunnel = true
		u.record(r)
		say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
		echo(c, in)
		return false
	case path == "/hang":
		u.record(r)
		_, _ = in.Peek(1)
		return false
	case path == "/endless":
		u.record(r)
		say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for chunk := chunks(strings.Repeat("e", 32<<10)); say(chunk); {
		}
		return false
	case strings.HasPrefix(path, "/length/"):
		u.record(r)
		n, _ := strconv.Atoi(strings.TrimPrefix(path, "/length/"))
		return say(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, strings.Repeat("l", n)))
	}
	u.record(r)
	payload := `{"upstream":true}`
	if r.Method == "HEAD" {
		return say(fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Upstream: yes\r\nContent-Length: %d\r\n\r\n", len(payload)))
	}
	return say(fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Upstream: yes\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(payload), payload))
}

// echo sends every byte back in upper case.
func echo(c net.Conn, in *bufio.Reader) {
	b := make([]byte, 32<<10)
	for {
		n, err := in.Read(b)
		if n > 0 {
			if _, err := c.Write(bytes.ToUpper(b[:n])); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func cut(s string) string {
	if len(s) > 300 {
		return s[:300] + "..."
	}
	return s
}

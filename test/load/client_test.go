//go:build linux

package load

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// patience is how long a client waits for any byte.
const patience = 60 * time.Second

// client is one connection that sends requests in turn and counts the bytes of
// the answers as they are on the wire. It is made anew when it was closed.
type client struct {
	address string
	conn    net.Conn
	br      *bufio.Reader
	read    int64 // bytes off the wire
}

// answer is a reply whose body is still to be read.
type answer struct {
	status  int
	header  textproto.MIMEHeader
	body    io.Reader
	chunked bool

	c       *client
	begun   int64 // count of the first byte of the body
	closing bool
}

func (c *client) Read(p []byte) (int, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	n, err := c.conn.Read(p)
	c.read += int64(n)
	return n, err
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// send writes one request whole and reads the head of its answer.
func (c *client) send(method, target string, header []string, body []byte) (*answer, error) {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.address, 20*time.Second)
		if err != nil {
			return nil, err
		}
		c.conn, c.br, c.read = conn, bufio.NewReaderSize(c, 16<<10), 0
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, c.address)
	for _, line := range header {
		b.WriteString(line + "\r\n")
	}
	if len(body) > 0 {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	a, err := c.exchange(method, append([]byte(b.String()), body...))
	if err != nil {
		c.close()
		return nil, err
	}
	return a, nil
}

func (c *client) exchange(method string, request []byte) (*answer, error) {
	if err := c.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	text := textproto.NewReader(c.br)
	line, err := text.ReadLine()
	if err != nil {
		return nil, err
	}
	a := &answer{c: c}
	if !strings.HasPrefix(line, "HTTP/1.1 ") || len(line) < 12 {
		return nil, fmt.Errorf("status line %q", line)
	}
	if a.status, err = strconv.Atoi(line[9:12]); err != nil {
		return nil, err
	}
	if a.header, err = text.ReadMIMEHeader(); err != nil {
		return nil, err
	}
	a.begun = c.offset()
	a.closing = strings.EqualFold(a.header.Get("Connection"), "close")
	return a, a.frame(method)
}

// offset is how many bytes have been taken off the connection.
func (c *client) offset() int64 { return c.read - int64(c.br.Buffered()) }

func (a *answer) frame(method string) error {
	length := a.header.Get("Content-Length")
	switch {
	case method == "HEAD" || a.status == 204 || a.status == 304:
		a.body = strings.NewReader("")
	case a.header.Get("Transfer-Encoding") == "chunked":
		a.chunked = true
		a.body = httputil.NewChunkedReader(a.c.br)
	case length != "":
		n, err := strconv.ParseInt(length, 10, 64)
		if err != nil {
			return err
		}
		a.body = &io.LimitedReader{R: a.c.br, N: n}
	default:
		return errors.New("an answer without framing")
	}
	return nil
}

// finish reads what is left and returns the bytes that the body had on the wire,
// its framing included. A body that was cut is an error.
func (a *answer) finish() (wire int64, err error) {
	defer func() {
		if err != nil || a.closing {
			a.c.close()
		}
	}()
	if _, err := io.Copy(io.Discard, a.body); err != nil {
		return 0, err
	}
	if l, ok := a.body.(*io.LimitedReader); ok && l.N > 0 {
		return 0, io.ErrUnexpectedEOF
	}
	if a.chunked { // the trailer section: an empty line
		line, err := a.c.br.ReadString('\n')
		if err != nil {
			return 0, err
		}
		if line != "\r\n" {
			return 0, fmt.Errorf("behind the last chunk: %q", line)
		}
	}
	return a.c.offset() - a.begun, nil
}

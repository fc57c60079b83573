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

// Reply is what a client got.
type Reply struct {
	Status  int
	Fields  []Field
	Body    []byte
	Closing bool // it says that the connection ends
}

// Value is the value of a header, empty without one.
func (r Reply) Value(name string) string {
	for _, f := range r.Fields {
		if fold(f.Name) == name {
			return f.Value
		}
	}
	return ""
}

// client is one raw connection to the target. It keeps what it reads.
type client struct {
	net.Conn
	in       *bufio.Reader
	got      *tape
	patience time.Duration
	wg       sync.WaitGroup
}

// tape keeps the first bytes of what goes by.
type tape struct {
	r io.Reader
	b bytes.Buffer
}

func (t *tape) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if t.b.Len() < 1<<20 {
		t.b.Write(p[:n])
	}
	return n, err
}

func newClient(c net.Conn, patience time.Duration) *client {
	t := &tape{r: c}
	return &client{Conn: c, in: bufio.NewReaderSize(t, 512), got: t, patience: patience}
}

// send writes beside the reading: a server may refuse before it has read all, and
// then the write fails.
func (c *client) send(b []byte) {
	if len(b) <= 16<<10 {
		_, _ = c.Write(b)
		return
	}
	c.wg.Add(1)
	go func() {
		defer c.wg.Done()
		_, _ = c.Write(b)
	}()
}

// Close ends the connection and its writer.
func (c *client) Close() error {
	err := c.Conn.Close()
	c.wg.Wait()
	return err
}

// leave half-closes.
func (c *client) leave() {
	c.wg.Wait()
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = h.CloseWrite()
	}
}

// reset ends the connection with RST where the network has such a thing.
func (c *client) reset() {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	c.Close()
}

// reply reads one final answer; informational ones are skipped.
func (c *client) reply(head bool) (Reply, error) {
	for {
		r, err := c.anyReply(head)
		if err != nil || r.Status >= 200 || r.Status == 101 {
			return r, err
		}
	}
}

// anyReply reads one answer, informational ones included.
func (c *client) anyReply(head bool) (Reply, error) {
	_ = c.SetReadDeadline(time.Now().Add(c.patience))
	var r Reply
	line, err := plainLine(c.in)
	if err != nil {
		return r, fmt.Errorf("no status line: %w", err)
	}
	if len(line) < 13 || !strings.HasPrefix(line, "HTTP/1.1 ") || line[12] != ' ' {
		return r, fmt.Errorf("status line %q", cut(line))
	}
	if r.Status, err = strconv.Atoi(line[9:12]); err != nil {
		return r, fmt.Errorf("status line %q", cut(line))
	}
	var section Request
	if r.Fields, err = section.section(c.in); err != nil {
		return r, fmt.Errorf("reply head: %w", err)
	}
	r.Closing = strings.Contains(strings.ToLower(r.Value("connection")), "close")
	if head || r.Status < 200 || r.Status == 204 || r.Status == 304 {
		return r, nil
	}
	section.Fields = r.Fields
	if len(section.Values("transfer-encoding"))+len(section.Values("content-length")) == 0 {
		r.Closing = true
		r.Body, err = io.ReadAll(c.in)
		return r, err
	}
	err = section.readBody(c.in)
	r.Body = section.Body
	return r, err
}

// errStays says that a connection was not closed in time.
var errStays = errors.New("the connection stays open")

// end waits for the close of the connection and returns what came before it.
func (c *client) end(within time.Duration) ([]byte, error) {
	_ = c.SetReadDeadline(time.Now().Add(within))
	rest, err := io.ReadAll(c.in)
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return rest, errStays
	}
	return rest, nil
}

// silence returns what comes within a moment on an open connection.
func (c *client) silence(d time.Duration) []byte {
	_ = c.SetReadDeadline(time.Now().Add(d))
	rest, _ := io.ReadAll(c.in)
	return rest
}

// expectBytes reads exactly want.
func (c *client) expectBytes(want string) error {
	_ = c.SetReadDeadline(time.Now().Add(c.patience))
	b := make([]byte, len(want))
	if _, err := io.ReadFull(c.in, b); err != nil {
		return fmt.Errorf("tunnel: %w", err)
	}
	if string(b) != want {
		return fmt.Errorf("the tunnel gave %q, want %q", cut(string(b)), cut(want))
	}
	return nil
}

// readUntil reads up to and with want.
func (c *client) readUntil(want string, within time.Duration) (string, error) {
	_ = c.SetReadDeadline(time.Now().Add(within))
	var got []byte
	for !bytes.HasSuffix(got, []byte(want)) {
		b, err := c.in.ReadByte()
		if err != nil {
			return string(got), fmt.Errorf("waiting for %q: %w", want, err)
		}
		got = append(got, b)
	}
	return string(got), nil
}

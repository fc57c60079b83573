package relay

import (
	"errors"
	"os"
	"sync"
	"time"
)

// watcher notices clients that leave while their connection's goroutine is busy
// upstream.
type watcher interface {
	// add and remove bracket a connection's life.
	add(c *clientConn) error
	remove(c *clientConn)
	// begin and end bracket the time of a request in which nobody reads from the
	// client. end may come without begin.
	begin(c *clientConn)
	end(c *clientConn)
	// close ends the watcher and waits for its goroutines.
	close()
}

type watchKind int

const (
	watchBest watchKind = iota
	watchReading
)

// watchMark is what a watcher keeps in a connection.
type watchMark struct {
	index, generation uint32 // of the event set

	mu      sync.Mutex
	reading *reading
}

func newWatcher(kind watchKind) watcher {
	if kind == watchBest {
		if w, err := newEventWatcher(); err == nil {
			return w
		}
	}
	return readingWatcher{}
}

// readingWatcher sees a client leave by reading from it, in one more goroutine for
// each request. What it reads is the next request's beginning.
type readingWatcher struct{}

// reading is one such goroutine.
type reading struct {
	ended chan struct{}
	ahead []byte
}

func (readingWatcher) add(*clientConn) error { return nil }
func (readingWatcher) remove(*clientConn)    {}
func (readingWatcher) close()                {}

func (readingWatcher) begin(c *clientConn) {
	r := &reading{ended: make(chan struct{})}
	c.mark.mu.Lock()
	c.mark.reading = r
	c.mark.mu.Unlock()
	c.clearReadDeadline()
	go func() {
		defer close(r.ended)
		b := make([]byte, smallSize)
		n, err := c.sock.Read(b)
		r.ahead = b[:n]
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			c.leave()
		}
	}()
}

func (readingWatcher) end(c *clientConn) {
	c.mark.mu.Lock()
	r := c.mark.reading
	c.mark.reading = nil
	c.mark.mu.Unlock()
	if r == nil {
		return
	}
	_ = c.sock.SetReadDeadline(time.Unix(1, 0))
	<-r.ended
	c.clearReadDeadline()
	if len(r.ahead) > 0 {
		c.pushBack(r.ahead)
	}
}

// pushBack adds bytes that were read ahead to the input.
func (c *clientConn) pushBack(p []byte) {
	if c.body.over != nil { // that came before, and will be the input
		c.body.over = append(c.body.over, p...)
		return
	}
	in := &c.in
	if in.b == nil {
		in.b = c.srv.buffers.getHead()
	}
	if len(in.b)-in.w < len(p) {
		b := make([]byte, in.w+len(p))
		copy(b, in.b[:in.w])
		w, r, held := in.w, in.r, in.held
		in.held = 0
		c.dropInput()
		*in = inbuf{b: b, r: r, w: w, held: held}
	}
	in.w += copy(in.b[in.w:], p)
}

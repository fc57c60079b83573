package relay

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// clientConn is one client's connection. Its goroutine owns everything but what is
// under mu or atomic.
type clientConn struct {
	srv      *Server
	sock     *sock
	accepted time.Time
	mark     watchMark

	in     inbuf
	headAt int // where the current head begins in in.b
	headTo int
	head   Head
	req    request
	body   body
	extra  *scratch
	whole  []byte    // the body that Head.Buffer read
	asked  bool      // 100 Continue was sent
	used   bool      // a first request has come
	last   time.Time // when the last one ended

	sum      Summary
	headSent bool
	inGate   bool
	inCall   bool // a policy has h and is owed Done
	policy   Policy
	upload   *upload
	bodyErr  error // why the client's side of an upload failed
	reply    reply
	slow     int // writes until the client counts as quick again

	state    atomic.Int32
	finished atomic.Uint64
	bytesIn  atomic.Uint64
	bytesOut atomic.Uint64

	mu    sync.Mutex
	armed time.Time // the read deadline, zero for none
	gone  bool      // the client left, or the drain is over
	cut   bool      // the latter
	up    *upConn
	done  chan struct{}
}

// The states of a client's connection.
const (
	stateIdle int32 = iota
	stateHead
	stateRequest
	stateStream
)

// inbuf holds bytes from the client: b[r:w] are not yet taken.
type inbuf struct {
	b    []byte
	r, w int
	held int64 // taken from the budget for a head larger than a pooled buffer
}

// serve runs the connection to its end.
func (c *clientConn) serve() {
	defer c.end()
	defer c.contain()
	for c.readHead() {
		if !c.request() {
			return
		}
	}
}

// end gives everything back.
func (c *clientConn) end() {
	c.srv.watch.remove(c)
	_ = c.sock.Close()
	c.dropInput()
	c.srv.forget(c)
}

// contain turns a panic, the policy's or ours, into the end of this connection.
func (c *clientConn) contain() {
	p := recover()
	if p == nil {
		return
	}
	what := panicText(p)
	c.srv.o.Log.Error("panic in a request", "panic", what)
	defer func() { _ = recover() }() // the policy may panic again
	defer c.finish()
	if up := c.detach(); up != nil {
		up.abort()
	}
	c.stopUpload()
	c.srv.watch.end(c)
	c.sum.Broken = true
	if c.inCall && !c.headSent {
		c.fault(&c.head, Fault{Status: 500, Reason: ReasonPanic, Err: errors.New("panic: " + what)})
	}
}

// panicText is what may be said of a panic: the runtime's own text, or the type of
// a value that could hold anything.
func panicText(p any) string {
	if e, ok := p.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("%T", p)
}

// readHead waits for a request and parses its head. It answers itself when there
// is none, and returns false when the connection is over.
func (c *clientConn) readHead() bool {
	v, err := c.fillHead()
	switch {
	case v.bad():
		c.refuse(v, err)
		return false
	case err != nil:
		return false
	}
	c.used = true
	return true
}

// fillHead reads until a head is whole. A bad verdict is to be answered, an error
// alone is the silent end of the connection.
func (c *clientConn) fillHead() (verdict, error) {
	o := &c.srv.o
	if c.in.r == c.in.w {
		if err := c.waitFirst(); err != nil {
			return verdict{}, err
		}
	}
	c.state.Store(stateHead)
	if c.extra == nil {
		c.extra = c.srv.buffers.scratch.Get().(*scratch)
	}
	c.head = Head{Fields: c.extra.fields[:0], Add: c.extra.add[:0], Local: c.head.Local, Remote: c.head.Remote, conn: c}
	n, v := parseRequest(c.in.b[c.in.r:c.in.w], &c.head, &c.req, o.MaxFields)
	if v.bad() || n > 0 {
		return c.took(n, v)
	}
	return c.fillSlowly()
}

// waitFirst waits for the first bytes of a request, without a buffer.
func (c *clientConn) waitFirst() error {
	if c.used {
		c.expectBy(c.last.Add(c.srv.o.IdleTimeout), c.srv.o.IdleTimeout/16)
	} else {
		c.expectBy(c.accepted.Add(c.srv.o.HeaderTimeout), 0)
	}
	c.in.r, c.in.w = 0, 0
	if len(c.in.b) != headSize {
		c.dropInput()
	}
	c.state.Store(stateIdle)
	if c.srv.draining.Load() {
		return net.ErrClosed
	}
	b, n, err := c.sock.readIdle(c.in.b)
	c.in.b, c.in.w = b, n
	return err
}

// expectBy sets the read deadline, unless one is set that is earlier by less than
// slack: a busy connection does not pay for its idle timeout with each request.
func (c *clientConn) expectBy(limit time.Time, slack time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut || !c.armed.IsZero() && !limit.Before(c.armed) && limit.Sub(c.armed) < slack {
		return
	}
	c.armed = limit
	_ = c.sock.SetReadDeadline(limit)
}

// clearReadDeadline lets reads wait, unless the connection was stopped.
func (c *clientConn) clearReadDeadline() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.cut {
		c.armed = time.Time{}
		_ = c.sock.SetReadDeadline(time.Time{})
	}
}

// fillSlowly goes on with a head that did not come in one piece.
func (c *clientConn) fillSlowly() (verdict, error) {
	o := &c.srv.o
	if c.used {
		c.expectBy(now().Add(o.HeaderTimeout), 0)
	}
	var scan lineScan
	for {
		b := c.in.b[c.in.r:c.in.w]
		from := scan.from
		end, ok := scan.scan(b)
		switch {
		case !ok, !plausible(b[from:]):
			return verdict{400, lineReason(scan.lines)}, nil
		case end:
			return c.took(parseRequest(b, &c.head, &c.req, o.MaxFields))
		case from == 0 || scan.lines > 0 && from <= scan.line:
			// The request line is refused as soon as it is whole.
			if n, v := parseRequest(b, &c.head, &c.req, o.MaxFields); n == 0 && v.bad() {
				return v, nil
			}
		}
		if len(b) >= o.MaxHeaderBytes {
			if scan.lines == 0 {
				return verdict{414, ReasonTargetLong}, nil
			}
			return verdict{431, ReasonHeaderLarge}, nil
		}
		if !c.grow() {
			return verdict{503, ReasonBuffer}, nil
		}
		n, err := c.sock.Read(c.in.b[c.in.w:])
		c.in.w += n
		if n == 0 {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return verdict{408, ReasonHeaderTimeout}, err
			}
			if err == io.EOF {
				return verdict{400, lineReason(scan.lines)}, err
			}
			return verdict{}, err
		}
	}
}

func lineReason(lines int) string {
	if lines == 0 {
		return ReasonRequestLine
	}
	return ReasonField
}

// took ends the reading of a head of n bytes.
func (c *clientConn) took(n int, v verdict) (verdict, error) {
	if !v.bad() && n > c.srv.o.MaxHeaderBytes {
		v = verdict{431, ReasonHeaderLarge}
	}
	c.headAt, c.headTo = c.in.r, c.in.r+n
	c.in.r += n
	return v, nil
}

// grow makes room behind what has been read. Beyond one pooled buffer the memory
// counts against the budget.
func (c *clientConn) grow() bool {
	in := &c.in
	if in.w < len(in.b) {
		return true
	}
	if in.r > 0 {
		in.w = copy(in.b, in.b[in.r:in.w])
		in.r = 0
		return true
	}
	if len(in.b) < headSize { // the little that was read beyond a body
		b := c.srv.buffers.getHead()
		w := copy(b, in.b[:in.w])
		c.dropInput()
		c.in = inbuf{b: b, w: w}
		return true
	}
	size := min(2*len(in.b), max(headSize, c.srv.o.MaxHeaderBytes))
	if size <= len(in.b) {
		size = len(in.b) + headSize
	}
	if !c.srv.o.Budget.take(int64(size)) {
		return false
	}
	b := make([]byte, size)
	w := copy(b, in.b[:in.w])
	c.dropInput()
	c.in = inbuf{b: b, w: w, held: int64(size)}
	return true
}

// dropInput gives the input buffer back.
func (c *clientConn) dropInput() {
	if c.in.b != nil {
		c.srv.buffers.putHead(c.in.b)
	}
	if c.in.held > 0 {
		c.srv.o.Budget.give(c.in.held)
	}
	c.in = inbuf{}
}

// leave is the watcher's callback, from its goroutine: the client has closed its
// connection or its sending half. What runs upstream for it ends.
func (c *clientConn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaveLocked()
}

func (c *clientConn) leaveLocked() {
	c.gone = true
	if c.done != nil {
		select {
		case <-c.done:
		default:
			close(c.done)
		}
	}
	if c.up != nil {
		c.up.abort()
		// A write to a client that reads no more must not wait either.
		_ = c.sock.SetWriteDeadline(now())
	}
}

// stop ends the connection from outside, at the end of the drain.
func (c *clientConn) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	c.leaveLocked()
	_ = c.sock.SetDeadline(now())
}

// attach makes up the connection that ends when the client leaves; false if it has
// left already.
func (c *clientConn) attach(up *upConn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return false
	}
	c.up = up
	return true
}

// detach undoes attach. The connection is whole only if it was not aborted.
func (c *clientConn) detach() *upConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	up := c.up
	c.up = nil
	return up
}

func (c *clientConn) isGone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

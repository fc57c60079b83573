package relay

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// upload is the goroutine that sends the rest of a body beside the reply.
type upload struct {
	ended chan struct{}
	rest  [][]byte    // of what is held, to be sent first
	busy  atomic.Bool // sending it
	// After ended: why the client's side failed, and why the upstream's did.
	client, upstream error
}

// grace is how long an upload whose bytes have all been read may take to finish
// once its reply is complete.
const grace = 50 * time.Millisecond

func (c *clientConn) startUpload(up *upConn, rest [][]byte) {
	u := &upload{ended: make(chan struct{}), rest: rest}
	u.busy.Store(len(rest) > 0)
	c.upload = u
	c.clearReadDeadline()
	go func() {
		defer close(u.ended)
		defer func() {
			if p := recover(); p != nil {
				u.client = errors.New("panic in an upload")
				up.abort()
			}
		}()
		c.uploadRest(up, u)
	}()
}

func (c *clientConn) uploadRest(up *upConn, u *upload) {
	for _, p := range u.rest {
		if u.upstream = up.writeAll(p); u.upstream != nil {
			return
		}
	}
	u.busy.Store(false)
	for !c.body.done.Load() {
		out, tail, err := c.body.more(c.sock)
		if err != nil {
			u.client = err
			up.abort() // whoever waits for the reply learns it
			return
		}
		if u.upstream = up.writeAll(out, tail); u.upstream != nil {
			return
		}
	}
	up.await()
	c.srv.watch.begin(c)
}

// stopUpload ends the upload, if there is one, and waits for it. The upstream's
// connection is lost by then, or all of the body has been read; what the client
// sent but we did not read stays in its socket.
func (c *clientConn) stopUpload() {
	u := c.upload
	if u == nil {
		return
	}
	_ = c.sock.SetReadDeadline(now())
	<-u.ended
	c.upload = nil
	c.clearReadDeadline()
	if u.client != nil && !errors.Is(u.client, os.ErrDeadlineExceeded) {
		c.bodyErr = u.client
	}
}

// settleUpload joins an upload whose reply is complete and reports whether it has
// sent the whole body.
func (c *clientConn) settleUpload(up *upConn) bool {
	u := c.upload
	if u == nil {
		return true
	}
	if c.body.done.Load() {
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-u.ended:
		case <-t.C:
		}
	}
	select {
	case <-u.ended:
	default:
		up.abort()
	}
	c.stopUpload()
	return u.client == nil && u.upstream == nil && c.body.done.Load()
}

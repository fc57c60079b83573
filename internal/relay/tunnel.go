package relay

import (
	"io"
	"sync"
	"time"
)

// tunnelGrace bounds how long one side of a tunnel may go on after the other has
// ended.
const tunnelGrace = 5 * time.Second

// switchProtocols hands on a 101 that was asked for and becomes a tunnel.
func (c *clientConn) switchProtocols(up *upConn) (keep bool) {
	r := &c.reply
	if c.head.Upgrade == nil || !r.info.conn.upgrade || !sameWord(r.info.upgrade, "websocket") {
		c.releaseReply()
		c.drop(up)
		return c.fault(&c.head, Fault{Status: 502, Reason: ReasonUpstreamReply, Err: errReply})
	}
	c.policy.Response((*connContext)(c), &c.head, &r.head)
	c.sum.FirstByte = now().Sub(c.sum.Start)
	c.sum.Status = 101
	out := appendStatus(make([]byte, 0, headSize), &r.head)
	out = append(out, "Connection: Upgrade\r\nUpgrade: "...)
	out = append(out, r.info.upgrade...)
	out = append(out, "\r\n\r\n"...)
	early := r.in[r.r:r.w]
	out = append(out, early...)
	r.r = r.w
	c.state.Store(stateStream)
	c.headSent = true
	r.mover = mover{framing: UntilClose}

	c.srv.watch.end(c)
	ahead := append([]byte(nil), c.in.b[c.in.r:c.in.w]...)
	c.in.r = c.in.w
	c.lighten()
	c.detach() // from here the client may close, with last bytes on their way
	n, err := c.write(out, nil)
	c.count(n - (len(out) - len(early)))
	if err != nil {
		c.drop(up)
		c.sum.Broken = true
		return false
	}
	c.tunnel(up, ahead)
	return false
}

// tunnel moves bytes both ways until both sides have ended. It sees a client leave
// by reading, so that the last bytes before the end still go upstream.
func (c *clientConn) tunnel(up *upConn, ahead []byte) {
	c.clearReadDeadline()
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() {
			if recover() != nil {
				up.abort()
			}
		}()
		c.tunnelUp(up, ahead)
	})
	if err := c.stream(up); err != nil {
		c.sum.Broken = true
	} else if half, ok := c.sock.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	up.abort()
	c.mu.Lock()
	_ = c.sock.SetReadDeadline(now())
	c.mu.Unlock()
	wg.Wait()
}

// tunnelUp moves the client's bytes. Its end is passed on as a half-close.
func (c *clientConn) tunnelUp(up *upConn, ahead []byte) {
	err := up.writeAll(ahead)
	c.body.total.Add(int64(len(ahead)))
	for err == nil {
		var b []byte
		var n int
		if b, n, err = c.sock.readIdle(nil); n > 0 {
			c.body.total.Add(int64(n))
			err = firstError(up.writeAll(b[:n]), err)
			c.srv.buffers.putHead(b)
		}
	}
	if err != io.EOF {
		up.abort()
		return
	}
	_ = up.wire.Conn.SetReadDeadline(now().Add(tunnelGrace))
	if up.tls != nil {
		_ = up.tls.CloseWrite()
	} else if half, ok := up.wire.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

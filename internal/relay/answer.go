package relay

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// retrySoon is what a client is told that met one of our bounds.
const retrySoon = time.Second

// mostLingered bounds what is read and thrown away after a refusal.
const mostLingered = 32 << 20

// refuse answers a head that could not be read, or was refused.
func (c *clientConn) refuse(v verdict, err error) {
	c.state.Store(stateRequest)
	c.policy = c.srv.Policy()
	c.sum = Summary{Start: now()}
	c.headSent = false
	f := Fault{Status: v.status, Reason: v.reason, Err: err}
	if v.status == 503 {
		f.RetryAfter = retrySoon
	}
	c.fault(nil, f)
	c.sum.Total = now().Sub(c.sum.Start)
	c.policy.Done(nil, c.sum)
}

// fault answers a failure of relay's own. The connection ends but for failures of
// the upstream, after which it may go on if the policy says so.
func (c *clientConn) fault(h *Head, f Fault) (keep bool) {
	reply := c.policy.Fault(h, f)
	if reply == nil {
		c.sum.Refused = f.Reason
		c.sum.Broken = true
		return false
	}
	if reply.Refused == "" {
		reply.Refused = f.Reason
	}
	if f.Status < 502 || h == nil {
		reply.Close = true
	}
	return c.answer(reply)
}

// abandon ends a request whose client is gone.
func (c *clientConn) abandon(reason string) (keep bool) {
	c.sum.Broken = true
	c.sum.Refused = reason
	return false
}

// bodyFault answers a request whose body was broken by the client.
func (c *clientConn) bodyFault(err error) (keep bool) {
	if errors.Is(err, errBadBody) || errors.Is(err, io.EOF) {
		return c.fault(&c.head, Fault{Status: 400, Reason: ReasonBody, Err: err})
	}
	return c.abandon(ReasonClientGone)
}

// answer writes a reply of our own. A body that has not been read ends the
// connection: there is no telling how long it is.
func (c *clientConn) answer(reply *Reply) (keep bool) {
	c.sum.Status = reply.Status
	c.sum.Refused = reply.Refused
	keep = !reply.Close && c.inCall && c.mayKeep()
	if keep && !c.body.done.Load() && !c.asked && !c.req.expect {
		c.clearReadDeadline()
		_ = c.body.gather(c.sock)
	}
	keep = keep && c.body.done.Load()
	c.sum.FirstByte = now().Sub(c.sum.Start)
	minor := 1
	if c.inCall {
		minor = c.head.Minor
	}
	head := c.inCall && string(c.head.Method) == "HEAD"
	n, err := c.write(appendReply(reply, keep, minor, head), nil)
	c.headSent = n > 0
	if err != nil {
		c.sum.Broken = true
		return false
	}
	if !head {
		c.sum.BytesOut += int64(len(reply.Body))
	}
	if !keep {
		c.linger()
	}
	return keep
}

func appendReply(reply *Reply, keep bool, minor int, head bool) []byte {
	out := make([]byte, 0, 512+len(reply.Body))
	out = appendStatus(out, &ReplyHead{Status: reply.Status, Reason: []byte(http.StatusText(reply.Status)), Fields: reply.Fields})
	out = append(out, "Date: "...)
	out = now().UTC().AppendFormat(out, http.TimeFormat)
	out = append(out, "\r\n"...)
	if reply.Status != 204 && reply.Status != 304 {
		out = appendLength(out, int64(len(reply.Body)))
	}
	out = append(appendConnection(out, keep, minor), "\r\n"...)
	if head || reply.Status == 204 || reply.Status == 304 {
		return out
	}
	return append(out, reply.Body...)
}

// appendStatus writes the status line, the fields and the added lines.
func appendStatus(b []byte, h *ReplyHead) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(h.Status), 10)
	b = append(b, ' ')
	b = append(b, h.Reason...)
	b = append(b, "\r\n"...)
	b = appendFields(b, h.Fields)
	return append(b, h.Add...)
}

func appendLength(b []byte, n int64) []byte {
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, n, 10)
	return append(b, "\r\n"...)
}

func appendConnection(b []byte, keep bool, minor int) []byte {
	switch {
	case !keep:
		return append(b, "Connection: close\r\n"...)
	case minor == 0:
		return append(b, "Connection: keep-alive\r\n"...)
	}
	return b
}

// write sends p to the client. When it has to wait and owner is given, that buffer
// is not held meanwhile: the rest of p, which lies in it, is copied to one that
// just fits, and owner becomes nil.
func (c *clientConn) write(p []byte, owner *[]byte) (int, error) {
	n, err := c.sock.tryWrite(p)
	if err != nil || n == len(p) {
		c.slow = max(0, c.slow-1)
		return n, err
	}
	rest := p[n:]
	if owner != nil && *owner != nil {
		if len(rest) <= headSize {
			b := c.srv.buffers.getHead()
			defer c.srv.buffers.putHead(b)
			rest = b[:copy(b, rest)]
		} else {
			rest = append([]byte(nil), rest...)
		}
		c.srv.buffers.large.put(*owner)
		*owner = nil
	}
	start := now()
	m, err := c.sock.Write(rest)
	if now().Sub(start) > slowWait {
		c.slow = slowWrites
	}
	return n + m, err
}

// A client that let a write wait for longer than slowWait gets small pieces, so
// that little is held for it, until slowWrites of them did not have to wait.
const (
	slowWait   = 20 * time.Millisecond
	slowWrites = 16
)

// linger ends the connection after an answer to a request that was not read to its
// end: our half is closed, and what the client still sends is read and thrown away,
// within bounds. Closing at once would answer its bytes with a reset, which can
// destroy an answer that it has not read yet.
func (c *clientConn) linger() {
	half, ok := c.sock.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.isGone() {
		return
	}
	b := c.srv.buffers.getHead()
	defer c.srv.buffers.putHead(b)
	_ = c.sock.SetReadDeadline(now().Add(c.srv.o.LingerTimeout))
	c.state.Store(stateIdle)
	if c.srv.draining.Load() {
		return
	}
	for read := 0; read < mostLingered; {
		n, err := c.sock.Read(b)
		if n == 0 || err != nil {
			return
		}
		read += n
	}
}

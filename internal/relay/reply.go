package relay

import (
	"errors"
	"io"
	"os"
	"time"
)

// mostInformational bounds the 1xx answers to one request.
const mostInformational = 32

var (
	errReply  = errors.New("malformed or oversized reply")
	errBroken = errors.New("reply ended early")
)

// reply is an upstream's answer on its way.
type reply struct {
	head  ReplyHead
	info  response
	in    []byte // pooled; in[r:w] came and is not yet sent
	r, w  int
	any   bool // a byte of it came
	mover mover
	early bool // the request's body was not complete when the head came
}

// readReply reads up to the final head, passing informational ones on.
func (c *clientConn) readReply(up *upConn) error {
	r := &c.reply
	r.in, r.r, r.w, r.any = c.srv.buffers.getHead(), 0, 0, false
	r.head.Fields = c.extra.reply[:0]
	var scan lineScan
	informational := 0
	for {
		if r.w > r.r {
			end, ok := scan.scan(r.in[r.r:r.w])
			if !ok || !startsLikeReply(r.in[r.r:r.w]) {
				return errReply
			}
			if end {
				n, ok := parseResponse(r.in[r.r:r.w], &r.head, &r.info, c.srv.o.MaxFields)
				if !ok || n == 0 {
					return errReply
				}
				r.r += n
				if r.head.Status >= 200 || r.head.Status == 101 {
					break
				}
				if informational++; informational > mostInformational {
					return errReply
				}
				if err := c.inform(); err != nil {
					return err
				}
				scan = lineScan{}
				continue
			}
		}
		if !r.room(c.srv.o.MaxHeaderBytes) {
			return errReply
		}
		n, err := up.Read(r.in[r.w:])
		r.w += n
		if n > 0 {
			r.any = true
		} else if err != nil {
			return err
		}
	}
	if up.u.o.ResponseHeaderTimeout > 0 {
		_ = up.wire.Conn.SetReadDeadline(time.Time{})
	}
	return nil
}

// startsLikeReply spares the wait for the rest of what is no HTTP/1 at all.
func startsLikeReply(p []byte) bool {
	const start = "HTTP/1."
	n := min(len(p), len(start))
	return string(p[:n]) == start[:n]
}

// room makes some behind what was read, up to limit.
func (r *reply) room(limit int) bool {
	if r.w < len(r.in) {
		return true
	}
	if r.r > 0 {
		r.w = copy(r.in, r.in[r.r:r.w])
		r.r = 0
		return true
	}
	if len(r.in) >= max(limit, headSize) {
		return false
	}
	r.in = append(r.in, make([]byte, len(r.in))...)
	return true
}

// releaseReply gives the reply's buffer back.
func (c *clientConn) releaseReply() {
	if c.reply.in != nil {
		c.srv.buffers.putHead(c.reply.in)
	}
	c.reply.in = nil
	c.reply.head = ReplyHead{}
}

// inform passes an informational head on. 100 is ours to say, and HTTP/1.0 knows
// none of them.
func (c *clientConn) inform() error {
	r := &c.reply
	c.policy.Response((*connContext)(c), &c.head, &r.head)
	if r.head.Status == 100 || c.head.Minor == 0 {
		return nil
	}
	b := c.srv.buffers.getHead()
	out := appendStatus(b[:0], &r.head)
	out = append(out, "\r\n"...)
	_, err := c.write(out, nil)
	c.srv.buffers.putHead(b)
	return err
}

// replyFault words a failure before a reply's head.
func replyFault(err error) Fault {
	switch {
	case err == errReply:
		return Fault{Status: 502, Reason: ReasonUpstreamReply, Err: err}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Fault{Status: 504, Reason: ReasonUpstreamTimeout, Err: err}
	}
	return Fault{Status: 502, Reason: ReasonUpstreamReset, Err: err}
}

// deliver decides on a reply whose head is read, and moves it.
func (c *clientConn) deliver(up *upConn) (again, keep bool) {
	r := &c.reply
	h := &c.head
	if r.head.Status == 101 {
		return false, c.switchProtocols(up)
	}
	bodyless := r.head.Status == 204 || r.head.Status == 304 || string(h.Method) == "HEAD"
	oddity := r.head.Status == 204 && r.head.Framing != UntilClose
	verdict := c.policy.Response((*connContext)(c), h, &r.head)
	if verdict == Again && h.Attempt == 0 && h.Kept() {
		c.endRefused(up, bodyless)
		return true, false
	}
	began := now()
	c.sum.FirstByte = began.Sub(c.sum.Start)
	c.sum.Status = r.head.Status
	r.early = !c.body.done.Load()
	keep = c.mayKeep() && !r.early
	m := &r.mover
	m.begin(r.head.Framing, r.head.Length, bodyless, h.Minor)
	if m.form == formRaw {
		keep = false
	}
	err := c.deliverFirst(up, keep)
	if err == nil && !m.done {
		err = c.stream(up)
		end := now()
		if end.Sub(began) >= longStream {
			c.srv.shrink.note()
		}
		began = end
	}
	leftover := r.w > r.r
	c.releaseReply()
	uploaded := c.settleUpload(up)
	c.srv.watch.end(c)
	c.detach()
	if err != nil {
		up.abort()
		c.breakOff(err)
		return false, false
	}
	reusable := uploaded && !leftover && !oddity && r.info.minor == 1 && !r.info.conn.close && m.framed && !up.closed.Load()
	if reusable {
		up.u.put(up, began)
	} else {
		up.abort()
	}
	if r.early || c.bodyErr != nil {
		c.linger()
		return false, false
	}
	return false, keep
}

// mayKeep reports whether the client and we want another request on this
// connection.
func (c *clientConn) mayKeep() bool {
	if c.srv.draining.Load() {
		return false
	}
	if c.head.Minor == 0 {
		return c.req.conn.keepAlive && !c.req.conn.close
	}
	return !c.req.conn.close
}

// endRefused ends an attempt whose answer the policy does not want. The connection
// is kept when the rest of the answer is at hand.
func (c *clientConn) endRefused(up *upConn, bodyless bool) {
	r := &c.reply
	m := &r.mover
	m.begin(r.head.Framing, r.head.Length, bodyless, 1)
	_, used, ok := m.feed(r.in[r.r:r.w])
	whole := ok && m.done && r.r+used == r.w && m.framed
	c.releaseReply()
	if whole && c.upload == nil && r.info.minor == 1 && !r.info.conn.close {
		c.srv.watch.end(c)
		if up := c.detach(); up != nil && !up.closed.Load() {
			up.u.put(up, now())
			return
		}
	}
	c.drop(up)
}

// deliverFirst writes the head together with what has come of the body, and then
// gives back what the request held.
func (c *clientConn) deliverFirst(up *upConn, keep bool) error {
	r := &c.reply
	m := &r.mover
	b := c.srv.buffers.getHead()
	out := appendStatus(b[:0], &r.head)
	switch {
	case r.head.Status == 204 || r.head.Status < 200:
	case m.form == formRaw:
	case r.head.Framing == Length:
		out = appendLength(out, r.head.Length)
	case m.form == formChunked || r.head.Framing == Chunked && c.head.Minor == 1:
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
	}
	out = appendConnection(out, keep, c.head.Minor)
	out = append(out, "\r\n"...)
	headLen := len(out)
	out, err := c.appendBody(out)
	c.headSent = true
	c.state.Store(stateStream)
	if m.done {
		// Nothing more is read; what belongs to the request stays for the next.
		n, werr := c.write(out, nil)
		c.count(n - headLen)
		c.srv.buffers.putHead(b)
		return firstError(werr, err)
	}
	c.lighten()
	n, werr := c.write(out, nil)
	c.count(n - headLen)
	c.srv.buffers.putHead(b)
	return firstError(werr, err)
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (c *clientConn) count(n int) {
	if n > 0 {
		c.sum.BytesOut += int64(n)
	}
}

// appendBody appends what has come of the body, in the client's framing.
func (c *clientConn) appendBody(out []byte) ([]byte, error) {
	r := &c.reply
	p := r.in[r.r:r.w]
	n, used, ok := r.mover.feed(p)
	r.r += used
	out = r.mover.append(out, p[:n])
	if !ok {
		return out, errReply
	}
	return c.appendEnd(out), nil
}

// appendEnd appends the trailer section once the body is done.
func (c *clientConn) appendEnd(out []byte) []byte {
	m := &c.reply.mover
	if !m.done || m.section == nil {
		return out
	}
	if m.form == formPlain {
		fields, _, _ := parseTrailer(m.section, make([]Field, 0, 8))
		c.policy.ReplyTrailer(&c.head, fields)
		out = append(appendFields(out, fields), "\r\n"...)
	}
	m.section = nil
	return out
}

// lighten gives back, before a stream, what only a head needs.
func (c *clientConn) lighten() {
	c.releaseBody()
	h := &c.head
	*h = Head{Local: h.Local, Remote: h.Remote, Minor: h.Minor, Attempt: h.Attempt, Data: h.Data, conn: c}
	c.reply.head.Fields, c.reply.head.Reason, c.reply.head.Add = nil, nil, nil
	if c.extra != nil {
		c.srv.buffers.scratch.Put(c.extra)
		c.extra = nil
	}
	if c.in.r == c.in.w {
		c.dropInput()
	}
	c.headAt, c.headTo = 0, 0
}

// breakOff ends the client's connection so that it cannot take what it has for a
// whole answer: without the last chunk or the missing bytes, or by a reset where
// the end of the connection would have been the end of the body. (A unix socket
// knows no reset: an HTTP/1.0 client on one cannot be told.)
func (c *clientConn) breakOff(err error) {
	c.sum.Broken = true
	if c.isGone() {
		c.sum.Refused = ReasonClientGone
	}
	c.srv.o.Log.Debug("stream broken", "error", err)
	if c.reply.mover.form == formRaw {
		if l, ok := c.sock.Conn.(interface{ SetLinger(int) error }); ok {
			_ = l.SetLinger(0)
		}
	}
}

// stream moves the rest of the body. It holds a small buffer while it waits, and a
// large one only while there is something to read.
func (c *clientConn) stream(up *upConn) error {
	r := &c.reply
	m := &r.mover
	c.srv.buffers.putHead(r.in)
	r.in, r.r, r.w = nil, 0, 0
	small := c.srv.buffers.small.Get().(*[smallSize]byte)
	defer c.srv.buffers.small.Put(small)
	for !m.done {
		n, err := up.Read(small[frameHead : smallSize-frameTail])
		if n == smallSize-frameHead-frameTail && err == nil {
			if err = c.burst(up, small[frameHead:frameHead+n]); err != nil {
				return err
			}
			continue
		}
		if n > 0 {
			if e := c.move(small[:], n, nil); e != nil {
				return e
			}
		}
		if err != nil && !m.done {
			if err = c.streamEnd(up, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// burst goes on reading into a large buffer until nothing more is at hand.
func (c *clientConn) burst(up *upConn, got []byte) error {
	large := c.srv.buffers.large.get()
	defer func() {
		if large != nil {
			c.srv.buffers.large.put(large)
		}
	}()
	n := copy(large[frameHead:], got)
	for {
		limit := len(large) - frameTail
		if c.slow > 0 {
			limit = headSize
		}
		var err error
		for err == nil && frameHead+n < limit {
			var more int
			more, err = up.readNow(large[frameHead+n : limit])
			n += more
		}
		if n > 0 {
			if e := c.move(large, n, &large); e != nil {
				return e
			}
		}
		switch {
		case c.reply.mover.done, errors.Is(err, errWouldWait{}), large == nil && err == nil:
			return nil
		case err != nil:
			return c.streamEnd(up, err)
		}
		n = 0
	}
}

// move sends n bytes that were read to buf[frameHead:]. When the write has to wait
// and owner is given, the buffer goes back first and owner becomes nil.
func (c *clientConn) move(buf []byte, n int, owner *[]byte) error {
	m := &c.reply.mover
	p := buf[frameHead : frameHead+n]
	size, used, ok := m.feed(p)
	if used < n {
		c.reply.w, c.reply.r = 1, 0 // unasked bytes: the connection is not used again
	}
	out := m.frame(buf, size)
	if m.done && m.section != nil {
		out = c.appendEnd(append([]byte(nil), out...))
	}
	if len(out) > 0 {
		sent, err := c.write(out, owner)
		c.count(sent)
		if err != nil {
			return err
		}
	}
	if !ok {
		return errReply
	}
	return nil
}

// streamEnd takes the end of the upstream's connection. It completes a reply only
// if that is how the reply says it ends, and only if it is the upstream's word: a
// close alert under TLS, FIN without.
func (c *clientConn) streamEnd(up *upConn, err error) error {
	m := &c.reply.mover
	if m.framing != UntilClose {
		return errBroken
	}
	if up.tls != nil && err != io.EOF || up.tls == nil && err != errBareEnd {
		return errBroken
	}
	m.done = true
	if m.form == formChunked {
		n, err := c.write([]byte("0\r\n\r\n"), nil)
		c.count(n)
		return err
	}
	return nil
}

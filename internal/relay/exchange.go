package relay

import (
	"errors"
	"io"
)

// request serves the request whose head has been read. It returns whether the
// connection may carry another.
func (c *clientConn) request() (keep bool) {
	c.state.Store(stateRequest)
	c.sum = Summary{Start: now()}
	c.headSent, c.asked, c.bodyErr = false, false, nil
	c.policy = c.srv.Policy()
	used, ok := c.body.begin(c.head.Framing, c.head.Length, c.in.b[c.in.r:c.in.w])
	c.inCall = true
	if !ok {
		c.fault(&c.head, Fault{Status: 400, Reason: ReasonBody, Err: errBadBody})
		c.finish()
		return false
	}
	c.in.r += used
	if c.inGate = c.srv.o.Gate.enter(); c.inGate {
		keep = c.decide()
	} else {
		keep = c.fault(&c.head, Fault{Status: 503, Reason: ReasonRequests, RetryAfter: retrySoon})
	}
	if over := c.body.over; over != nil {
		c.body.over = nil
		c.dropInput()
		c.in = inbuf{b: over, w: len(over)}
	}
	c.finish()
	return keep
}

// finish ends a request: the policy and the counters learn of it, and all that was
// borrowed for it goes back. It does nothing when no request is open.
func (c *clientConn) finish() {
	if !c.inCall {
		return
	}
	c.inCall = false
	if c.inGate {
		c.srv.o.Gate.leave()
		c.inGate = false
	}
	c.releaseBody()
	c.sum.BytesIn = c.body.total.Load()
	c.last = now()
	c.sum.Total = c.last.Sub(c.sum.Start)
	c.finished.Add(1)
	c.bytesIn.Add(uint64(c.sum.BytesIn))
	c.bytesOut.Add(uint64(c.sum.BytesOut))
	c.policy.Done(&c.head, c.sum)
	c.head.Data = nil
}

// releaseBody gives back what was kept for a second attempt.
func (c *clientConn) releaseBody() {
	if c.upload != nil && c.upload.busy.Load() {
		return // it is being sent; the end of the request will do it
	}
	c.body.release(c.upload != nil)
	if c.whole != nil {
		c.srv.o.Budget.give(int64(cap(c.whole)))
		c.whole = nil
	}
}

// decide asks the policy and does what it says, at most twice.
func (c *clientConn) decide() (keep bool) {
	for {
		up, reply := c.policy.Request((*connContext)(c), &c.head)
		if reply != nil {
			return c.answer(reply)
		}
		if up == nil {
			panic("policy returned neither upstream nor reply")
		}
		again, keep := c.forward(up)
		if !again {
			return keep
		}
		// The head as it came, once more.
		h := &c.head
		*h = Head{Fields: h.Fields[:0], Add: c.extra.add[:0], Local: h.Local, Remote: h.Remote, Attempt: 1, Data: h.Data, conn: c}
		parseRequest(c.in.b[c.headAt:c.headTo], h, &c.req, c.srv.o.MaxFields)
	}
}

// forward sends the request to u and moves the answer. again is the policy's wish.
func (c *clientConn) forward(u *Upstream) (again, keep bool) {
	c.sendContinue()
	if c.whole == nil && !c.body.done.Load() {
		c.clearReadDeadline()
		if err := c.body.gather(c.sock); err != nil {
			return false, c.bodyFault(err)
		}
	}
	for fresh := false; ; fresh = true {
		up, fault := c.connect(u, fresh)
		if fault.Status != 0 {
			return false, c.fault(&c.head, fault)
		}
		if !c.attach(up) {
			up.retire()
			return false, c.abandon(ReasonClientGone)
		}
		c.send(up)
		err := c.readReply(up)
		if err == nil {
			return c.deliver(up)
		}
		stale := !c.reply.any && up.reused && !fresh
		c.releaseReply()
		c.drop(up)
		switch {
		case c.bodyErr != nil:
			return false, c.bodyFault(c.bodyErr)
		case c.isGone():
			return false, c.abandon(ReasonClientGone)
		case stale && c.body.kept():
			// A server may close an idle connection at any moment. Nothing of an
			// answer came, so the request is sent once more on a new connection;
			// it may have been processed (RFC 9110 section 9.2.2 leaves it to us).
			u.retried.Add(1)
		default:
			return false, c.fault(&c.head, replyFault(err))
		}
	}
}

// drop ends an upstream connection that cannot be used again, and the upload on it.
func (c *clientConn) drop(up *upConn) {
	c.detach()
	up.abort()
	c.stopUpload()
	c.srv.watch.end(c)
}

// connect takes an idle connection or dials.
func (c *clientConn) connect(u *Upstream, fresh bool) (*upConn, Fault) {
	if !fresh {
		if up := u.take(c.sum.Start); up != nil {
			return up, Fault{}
		}
	}
	up, err := u.dial((*connContext)(c))
	if err == nil {
		c.srv.shrink.note()
		return up, Fault{}
	}
	f := Fault{Status: 502, Reason: ReasonUpstreamDial, Err: err}
	var failed *dialError
	if errors.As(err, &failed) {
		f.Reason = failed.reason
	}
	return nil, f
}

// sendContinue invites the body, once, unless it has begun to come: the client
// hears it from us, and Expect is not sent on.
func (c *clientConn) sendContinue() {
	if c.req.expect && !c.asked && c.body.total.Load() == 0 {
		c.asked = true
		_, _ = io.WriteString(c.sock, "HTTP/1.1 100 Continue\r\n\r\n")
	}
}

// send writes the head with what is there of a small body in one call, and starts
// the upload of the rest. A write error says nothing yet: the upstream may have
// answered early and closed, which reading will show.
func (c *clientConn) send(up *upConn) {
	b := c.srv.buffers.getHead()
	head := appendRequest(b[:0], &c.head, up.u, c.whole != nil)
	c.sum.Upstream = true
	var parts [8][]byte
	list := append(parts[:0], head)
	if c.whole != nil {
		list = append(list, c.whole)
	} else {
		list = c.body.appendParts(list)
	}
	// One copy of a small body into the head's buffer is one TLS record less.
	if len(list) == 2 && len(head)+len(list[1]) <= cap(head) {
		list[0] = append(head, list[1]...)
		list = list[:1]
	}
	list, rest := splitParts(list)
	err := up.writeAll(list...)
	c.srv.buffers.putHead(b)
	switch {
	case err == nil && (len(rest) > 0 || !c.body.done.Load()):
		c.startUpload(up, rest)
	case c.body.done.Load():
		up.await()
		c.srv.watch.begin(c)
	}
}

// mostAtOnce is how much of a body is written before anybody listens for an answer:
// what a socket takes without waiting.
const mostAtOnce = 2 * largeSize

// splitParts leaves what is beyond mostAtOnce to the upload. The head and what came
// with it, in buffers that are given back early, stay.
func splitParts(list [][]byte) (first, rest [][]byte) {
	size := 0
	for i, p := range list {
		size += len(p)
		if i > 0 && size > mostAtOnce+2*headSize {
			return list[:i], append([][]byte(nil), list[i:]...)
		}
	}
	return list, nil
}

// appendRequest writes a request's head. The length of a body that Head.Buffer read
// is in h.
func appendRequest(b []byte, h *Head, u *Upstream, whole bool) []byte {
	b = append(b, h.Method...)
	b = append(b, ' ')
	b = append(b, h.Target...)
	b = append(b, " HTTP/1.1\r\n"...)
	b = append(b, u.hostLine...)
	b = appendFields(b, h.Fields)
	b = append(b, h.Add...)
	switch {
	case h.Framing == Length:
		b = appendLength(b, h.Length)
	case h.Framing == Chunked && !whole:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	if h.Upgrade != nil {
		b = append(b, "Connection: Upgrade\r\nUpgrade: "...)
		b = append(b, h.Upgrade...)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...)
}

// await sets the time limit for the reply's head, if there is one.
func (c *upConn) await() {
	if limit := c.u.o.ResponseHeaderTimeout; limit > 0 {
		_ = c.wire.Conn.SetReadDeadline(now().Add(limit))
	}
}

// appendParts lists what of the body is held, in order.
func (b *body) appendParts(list [][]byte) [][]byte {
	if len(b.first) > 0 {
		list = append(list, b.first)
	}
	for _, s := range b.old {
		list = append(list, s.b[:s.n])
	}
	if b.cur.n > 0 {
		list = append(list, b.cur.b[:b.cur.n])
	}
	if len(b.tail) > 0 {
		list = append(list, b.tail)
	}
	return list
}

package relay

// Buffer reads the whole body, decoded, into memory under the server's budget, for
// a signer; the request then goes out with Framing Length (NoBody stays NoBody),
// without trailers. It may be called in Policy.Request only. A body above limit is
// fault 413, a used-up budget 503, a broken body 400; the policy then returns
// Fault's reply.
func (h *Head) Buffer(limit int64) ([]byte, *Fault) {
	c := h.conn
	if h.Framing == NoBody {
		return nil, nil
	}
	if c.whole == nil {
		if f := c.readWhole(limit); f != nil {
			return nil, f
		}
	}
	h.Framing, h.Length = Length, int64(len(c.whole))
	return c.whole, nil
}

// Kept reports whether all that has been read of the body is still in memory, so
// that Again is possible. It counts in Policy.Response.
func (h *Head) Kept() bool {
	return h.conn != nil && (h.conn.whole != nil || h.conn.body.kept())
}

func (c *clientConn) readWhole(limit int64) *Fault {
	b := &c.body
	tooLarge := &Fault{Status: 413, Reason: ReasonBodyLarge}
	if b.framing == Length && c.head.Length > limit {
		return tooLarge
	}
	c.sendContinue()
	c.clearReadDeadline()
	dec := decoder{framing: b.framing}
	whole, f := c.appendWhole(make([]byte, 0), &dec, b.first, limit)
	if f != nil {
		return f
	}
	buf := c.srv.buffers.getHead()
	defer c.srv.buffers.putHead(buf)
	for !b.done.Load() {
		p := buf
		if b.framing == Length && int64(len(p)) > b.left {
			p = p[:b.left]
		}
		n, err := c.sock.Read(p)
		out, used, ok := b.feed(p[:n])
		b.total.Add(int64(used))
		if used < n {
			b.over = append([]byte(nil), p[used:n]...)
		}
		if ok {
			if whole, f = c.appendWhole(whole, &dec, p[:out], limit); f != nil {
				return f
			}
		}
		if !ok || err != nil && !b.done.Load() {
			c.srv.o.Budget.give(int64(cap(whole)))
			return &Fault{Status: 400, Reason: ReasonBody, Err: firstError(err, errBadBody)}
		}
	}
	c.whole = whole
	return nil
}

// appendWhole adds the data in p. What whole takes in memory is in the budget; on a
// fault it is given back.
func (c *clientConn) appendWhole(whole []byte, dec *decoder, p []byte, limit int64) ([]byte, *Fault) {
	for len(p) > 0 {
		n, data := dec.next(p)
		if n == 0 {
			break
		}
		if data {
			if int64(len(whole)+n) > limit {
				c.srv.o.Budget.give(int64(cap(whole)))
				return nil, &Fault{Status: 413, Reason: ReasonBodyLarge}
			}
			if len(whole)+n > cap(whole) {
				var ok bool
				if whole, ok = c.growWhole(whole, len(whole)+n, limit); !ok {
					return nil, &Fault{Status: 503, Reason: ReasonBuffer, RetryAfter: retrySoon}
				}
			}
			whole = append(whole, p[:n]...)
		}
		p = p[n:]
	}
	return whole, nil
}

// growWhole doubles, so that a client that announces much and sends little takes
// little.
func (c *clientConn) growWhole(whole []byte, need int, limit int64) ([]byte, bool) {
	size := max(headSize, 2*cap(whole), need)
	if int64(size) > limit {
		size = int(limit)
	}
	if c.body.framing == Length && int64(size) > c.head.Length {
		size = int(c.head.Length)
	}
	old := int64(cap(whole))
	ok := c.srv.o.Budget.take(int64(size))
	c.srv.o.Budget.give(old)
	if !ok {
		return nil, false
	}
	return append(make([]byte, 0, size), whole...), true
}

// decoder splits a body that is already known to be well formed into framing and
// data.
type decoder struct {
	framing Framing
	chunks  chunks
}

func (d *decoder) next(p []byte) (n int, data bool) {
	if d.framing == Length {
		return len(p), true
	}
	if d.chunks.state == chunkTrailer {
		return len(p), false
	}
	n, data, _ = d.chunks.step(p)
	return n, data
}

package relay

import "time"

// take returns the connection that became idle last, if one is still good. Those
// that have carried full records come second: a long stream on one would hold its
// large buffer for hours.
func (u *Upstream) take(at time.Time) *upConn {
	for {
		c := u.pop()
		if c == nil {
			return nil
		}
		if at.Sub(c.since) < u.o.IdleTimeout && c.quiet() {
			c.reused = true
			u.reused.Add(1)
			return c
		}
		c.abort()
	}
}

func (u *Upstream) pop() *upConn {
	u.mu.Lock()
	defer u.mu.Unlock()
	from := &u.small
	if len(*from) == 0 {
		from = &u.full
	}
	n := len(*from)
	if n == 0 {
		return nil
	}
	c := (*from)[n-1]
	(*from)[n-1] = nil
	*from = (*from)[:n-1]
	return c
}

// put makes a connection idle after a complete exchange. At most half of the idle
// ones have carried full records.
func (u *Upstream) put(c *upConn, at time.Time) {
	c.since = at
	u.mu.Lock()
	to, room := &u.small, u.o.MaxIdle-len(u.small)-len(u.full)
	if c.wire.full {
		to, room = &u.full, min(room, u.o.MaxIdle/2-len(u.full))
	}
	if u.closed || room <= 0 {
		u.mu.Unlock()
		c.retire()
		return
	}
	*to = append(*to, c)
	if u.sweep == nil {
		u.sweep = time.AfterFunc(u.o.IdleTimeout, u.expire)
	}
	u.mu.Unlock()
}

// expire closes what has been idle too long, and comes again while there are idle
// connections.
func (u *Upstream) expire() {
	var old []*upConn
	limit := now().Add(-u.o.IdleTimeout)
	u.mu.Lock()
	for _, list := range []*[]*upConn{&u.small, &u.full} {
		n := 0
		for n < len(*list) && !(*list)[n].since.After(limit) {
			n++
		}
		old = append(old, (*list)[:n]...)
		*list = append((*list)[:0:0], (*list)[n:]...)
	}
	u.sweep = nil
	if !u.closed && len(u.small)+len(u.full) > 0 {
		u.sweep = time.AfterFunc(u.o.IdleTimeout/2, u.expire)
	}
	u.mu.Unlock()
	for _, c := range old {
		c.retire()
	}
}

// Close closes idle connections at once, and those in use when their request
// ends. Requests that come later still work, on connections that are not kept.
func (u *Upstream) Close() {
	u.mu.Lock()
	u.closed = true
	idle := append(u.small, u.full...)
	u.small, u.full = nil, nil
	if u.sweep != nil {
		u.sweep.Stop()
		u.sweep = nil
	}
	u.mu.Unlock()
	for _, c := range idle {
		c.retire()
	}
}

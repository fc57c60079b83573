package sandbox

import (
	"errors"
	"net"
)

// failure makes an error of that status; code is the vendor's own, or empty.
type failure func(status int, code string) *reply

// vendor is what one host does: one file of this package each.
type vendor struct {
	name     Host
	has      []Endpoint // what can be faulted
	route    route
	limit    func(Endpoint) int64   // largest body, bytes
	tooLarge handler                // the answer to a larger one
	failure  func(*request) failure // errors in the vendor's shape, for faults
	arrived  func(*request)         // called once a request was read whole, whatever happens to it
}

// listener is the socket of one vendor.
type listener struct {
	vendor
	ln net.Listener
}

// accept serves connections until the listener is closed.
func (s *Sandbox) accept(l *listener) {
	defer s.wg.Done()
	for {
		raw, err := l.ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if s.wait(acceptPause) != nil {
				return
			}
			continue
		}
		c := &conn{sandbox: s, host: l, raw: raw.(*net.TCPConn)}
		if !s.track(c) {
			raw.Close()
			return
		}
		go func() {
			defer s.wg.Done()
			defer s.forget(c)
			c.serve()
		}()
	}
}

// track registers a connection, so that Close can end it.
func (s *Sandbox) track(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.lastConn++
	c.id = s.lastConn
	s.conns[c] = struct{}{}
	s.connections[c.host.name]++
	s.wg.Add(1)
	return true
}

func (s *Sandbox) forget(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

//go:build unix

package relay

import (
	"io"
	"net"
	"syscall"
)

// sock is a socket with reads and writes that do not wait. Its reading and its
// writing half may be used by two goroutines, each by one.
type sock struct {
	net.Conn
	raw syscall.RawConn // nil for a connection that is no socket: then everything waits

	pool          *buffers
	in, out       transfer
	tryIn, tryOut func(uintptr) bool
	waitIn        func(uintptr) bool
}

// transfer is the argument and result of a call through RawConn: fields, so that
// the closures are made once and not for each call.
type transfer struct {
	p     []byte
	n     int
	err   error
	again bool
}

func newSock(c net.Conn, pool *buffers) *sock {
	s := &sock{Conn: c, pool: pool}
	if sc, ok := c.(syscall.Conn); ok {
		s.raw, _ = sc.SyscallConn()
	}
	s.tryIn = func(fd uintptr) bool {
		s.in.read(fd)
		return true
	}
	s.tryOut = func(fd uintptr) bool {
		s.out.write(fd)
		return true
	}
	s.waitIn = func(fd uintptr) bool {
		if s.in.p == nil {
			s.in.p = s.pool.getHead()
		}
		s.in.read(fd)
		if s.in.again {
			s.pool.putHead(s.in.p)
			s.in.p = nil
		}
		return !s.in.again
	}
	return s
}

// readIdle waits for bytes without holding a buffer: p, if any, goes back to the
// pool while there is nothing to read. It returns the buffer that holds the bytes,
// nil after an error.
func (s *sock) readIdle(p []byte) ([]byte, int, error) {
	if s.raw == nil {
		return s.readHeld(p)
	}
	s.in = transfer{p: p}
	err := s.raw.Read(s.waitIn)
	t := s.in
	s.in = transfer{}
	if err == nil {
		err = t.err
	}
	if err != nil && t.p != nil {
		s.pool.putHead(t.p)
		return nil, 0, err
	}
	return t.p, t.n, err
}

func (t *transfer) read(fd uintptr) {
	for {
		t.n, t.err = syscall.Read(int(fd), t.p)
		if t.err != syscall.EINTR {
			break
		}
	}
	t.again = t.err == syscall.EAGAIN
	switch {
	case t.err != nil:
		t.n = 0
	case t.n == 0 && len(t.p) > 0:
		t.err = io.EOF
	}
}

func (t *transfer) write(fd uintptr) {
	t.n, t.again = 0, false
	for t.n < len(t.p) {
		n, err := syscall.Write(int(fd), t.p[t.n:])
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			t.again = true
			return
		case err != nil:
			t.err = err
			return
		default:
			t.n += n
		}
	}
}

// canTry reports whether tryRead and tryWrite can do without waiting.
func (s *sock) canTry() bool { return s.raw != nil }

// tryRead reads what is there; again is true when nothing is.
func (s *sock) tryRead(p []byte) (n int, again bool, err error) {
	s.in = transfer{p: p}
	err = s.raw.Read(s.tryIn)
	t := s.in
	s.in = transfer{}
	switch {
	case err != nil:
		return 0, false, err
	case t.again:
		return 0, true, nil
	}
	return t.n, false, t.err
}

// tryWrite writes what there is room for; n < len(p) without an error means that
// the rest would wait.
func (s *sock) tryWrite(p []byte) (n int, err error) {
	if s.raw == nil {
		return s.Write(p)
	}
	s.out = transfer{p: p}
	err = s.raw.Write(s.tryOut)
	t := s.out
	s.out = transfer{}
	if err != nil {
		return 0, err
	}
	return t.n, t.err
}

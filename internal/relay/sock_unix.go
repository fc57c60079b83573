//go:build unix

package relay

import (
	"io"
	"net"
	"os"
	"runtime"
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
	allIn, allOut func(uintptr) bool
	waitIn        func(uintptr) bool
	reads, writes int // since one had to wait or was told
}

// transfer is the argument and result of a call through RawConn: fields, so that
// the closures are made once and not for each call.
type transfer struct {
	p     []byte
	n     int
	err   error
	again bool
	told  bool // the scheduler is told of the call
}

// mostUntold is how many calls in a row the scheduler is not told of.
const mostUntold = 8

func newSock(c net.Conn, pool *buffers) *sock {
	s := &sock{Conn: c, pool: pool}
	if sc, ok := c.(syscall.Conn); ok {
		s.raw, _ = sc.SyscallConn()
	}
	s.tryIn = func(fd uintptr) bool {
		s.readOnce(fd)
		return true
	}
	s.tryOut = func(fd uintptr) bool {
		s.writeOnce(fd)
		return true
	}
	s.allIn = func(fd uintptr) bool {
		s.readOnce(fd)
		return !s.in.again
	}
	s.allOut = func(fd uintptr) bool {
		s.writeOnce(fd)
		return !s.out.again
	}
	s.waitIn = func(fd uintptr) bool {
		if s.in.p == nil {
			s.in.p = s.pool.getHead()
		}
		s.readOnce(fd)
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
	s.in = s.reading(p)
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

// Read implements net.Conn: it waits for the first bytes.
func (s *sock) Read(p []byte) (int, error) {
	if s.raw == nil {
		return s.Conn.Read(p)
	}
	s.in = s.reading(p)
	err := s.raw.Read(s.allIn)
	t := s.in
	s.in = transfer{}
	if err != nil {
		return 0, err
	}
	return t.n, s.named("read", t.err)
}

// Write implements net.Conn: it waits until everything is written.
func (s *sock) Write(p []byte) (int, error) {
	if s.raw == nil {
		return s.Conn.Write(p)
	}
	s.out = s.writing(p)
	err := s.raw.Write(s.allOut)
	t := s.out
	s.out = transfer{}
	if err == nil {
		err = s.named("write", t.err)
	}
	return t.n, err
}

// named gives an error of the system the form that package net gives it.
func (s *sock) named(op string, err error) error {
	errno, ok := err.(syscall.Errno) //nolint:errorlint // it is bare
	if !ok {
		return err
	}
	return &net.OpError{Op: op, Net: s.LocalAddr().Network(), Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: os.NewSyscallError(op, errno)}
}

func (s *sock) reading(p []byte) transfer {
	told := s.reads >= mostUntold
	if told {
		runtime.Gosched() // who never waits lets others go first
	}
	return transfer{p: p, told: told}
}

func (s *sock) writing(p []byte) transfer { return transfer{p: p, told: s.writes >= mostUntold} }

func (s *sock) readOnce(fd uintptr) {
	s.in.read(fd)
	s.reads++
	if s.in.told || s.in.again {
		s.reads = 0
	}
}

func (s *sock) writeOnce(fd uintptr) {
	s.out.write(fd)
	s.writes++
	if s.out.told || s.out.again {
		s.writes = 0
	}
}

func (t *transfer) read(fd uintptr) {
	for {
		t.n, t.err = readCall(fd, t.p, t.told)
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
	t.again = false
	for t.n < len(t.p) {
		n, err := writeCall(fd, t.p[t.n:], t.told)
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
	s.in = s.reading(p)
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
	s.out = s.writing(p)
	err = s.raw.Write(s.tryOut)
	t := s.out
	s.out = transfer{}
	if err != nil {
		return 0, err
	}
	return t.n, t.err
}

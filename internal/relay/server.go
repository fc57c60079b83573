package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Server serves a listener under one policy.
type Server struct {
	o        Options
	buffers  *buffers
	policy   atomic.Pointer[Policy]
	draining atomic.Bool
	watch    watcher
	shrink   *shrinker

	mu    sync.Mutex
	conns map[*clientConn]struct{}
	wg    sync.WaitGroup

	accepted atomic.Uint64
	// Of connections that have ended.
	finished, bytesIn, bytesOut atomic.Uint64
}

// NewServer returns a server; it starts nothing.
func NewServer(p Policy, o Options) *Server {
	s := &Server{o: o.withDefaults(), buffers: newBuffers(), conns: map[*clientConn]struct{}{}}
	s.policy.Store(&p)
	return s
}

// Policy returns the policy in force.
func (s *Server) Policy() Policy { return *s.policy.Load() }

// SetPolicy makes p decide on requests that begin from now on.
func (s *Server) SetPolicy(p Policy) { s.policy.Store(&p) }

// Serve is NewServer(p, o).Serve(ctx, ln).
func Serve(ctx context.Context, ln net.Listener, p Policy, o Options) error {
	return NewServer(p, o).Serve(ctx, ln)
}

// CutError says how many requests a drain had to cut.
type CutError struct{ Requests int }

func (e *CutError) Error() string {
	return fmt.Sprintf("drain timeout: %d requests were cut", e.Requests)
}

// Serve accepts connections from ln until ctx ends, then drains: it stops
// accepting, closes idle connections at once, and gives open requests
// Options.DrainTimeout. It returns nil after a complete drain, a *[CutError] when
// requests had to be cut, and ln's error if accepting fails for good. ln is closed
// and no goroutine is left when it returns. It may be called once.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	s.watch = newWatcher(s.o.watch)
	s.shrink = newShrinker()
	failed := s.accept(ctx, ln)
	cut := s.drain()
	s.watch.close()
	s.shrink.close()
	if cut > 0 {
		return errors.Join(failed, &CutError{cut})
	}
	return failed
}

// accept runs until ctx ends (nil) or the listener fails.
func (s *Server) accept(ctx context.Context, ln net.Listener) error {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		_ = ln.Close()
	})
	defer func() {
		if stop() {
			_ = ln.Close()
		} else {
			<-closed
		}
	}()
	pause := time.Duration(0)
	for {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			pause = 0
			s.open(conn)
		case ctx.Err() != nil:
			return nil
		case !passing(err):
			return err
		default:
			// Out of descriptors: accepting again at once would only spin.
			pause = min(max(2*pause, 5*time.Millisecond), 500*time.Millisecond)
			s.o.Log.Warn("cannot accept", "error", err, "wait", pause)
			t := time.NewTimer(pause)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
			}
		}
	}
}

// passing reports whether accepting can work again: descriptors or memory ran out,
// or the client had gone before it was accepted.
func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// open starts the goroutine of a new connection.
func (s *Server) open(conn net.Conn) {
	c := &clientConn{srv: s, sock: newSock(conn, s.buffers), accepted: now()}
	c.head.Local, c.head.Remote = conn.LocalAddr(), conn.RemoteAddr()
	c.body.pool, c.body.budget, c.body.limit = s.buffers, s.o.Budget, s.o.ReplayLimit
	c.body.trailer = func(f []Field) { c.policy.RequestTrailer(f) }
	if err := s.watch.add(c); err != nil {
		s.o.Log.Warn("cannot watch a connection", "error", err)
		s.watch.remove(c)
		_ = conn.Close()
		return
	}
	s.accepted.Add(1)
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	s.wg.Go(c.serve)
}

// forget folds an ended connection's counters into the server's.
func (s *Server) forget(c *clientConn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.finished.Add(c.finished.Load())
	s.bytesIn.Add(c.bytesIn.Load())
	s.bytesOut.Add(c.bytesOut.Load())
	s.mu.Unlock()
}

// drain waits for open requests and cuts those that take too long.
func (s *Server) drain() (cut int) {
	s.draining.Store(true)
	s.each(func(c *clientConn) {
		if c.state.Load() == stateIdle {
			_ = c.sock.SetReadDeadline(now())
		}
	})
	empty := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(empty)
	}()
	t := time.NewTimer(max(0, s.o.DrainTimeout))
	defer t.Stop()
	select {
	case <-empty:
		return 0
	case <-t.C:
	}
	s.each(func(c *clientConn) {
		if c.state.Load() >= stateRequest {
			cut++
		}
		c.stop()
	})
	<-empty
	return cut
}

func (s *Server) each(f func(*clientConn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		f(c)
	}
}

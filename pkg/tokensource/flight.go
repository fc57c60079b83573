package tokensource

import (
	"context"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// flight is one errand that several callers wait for. It ends when its last
// caller has left, so that one who gives up does not fail the others.
type flight struct {
	done chan struct{} // closed when c and err are set
	c    exchange.Credential
	err  error
	stop chan struct{} // closed when the last caller has left

	// Guarded by Source.mu.
	waiters int
	endless bool
	end     time.Time // the latest deadline of those who wait
	reason  error     // why the last caller left
}

// flightContext ends when the last caller leaves, for that one's reason; its
// deadline is the latest of theirs, so that attempts are cut to the time that
// somebody will still wait.
type flightContext struct {
	context.Context // values only
	s               *Source
	f               *flight
}

// Deadline is the latest deadline of those who wait.
func (c flightContext) Deadline() (time.Time, bool) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.f.end, !c.f.endless
}

// Done is closed when nobody waits any more.
func (c flightContext) Done() <-chan struct{} { return c.f.stop }

// Err is the reason of the last caller who left.
func (c flightContext) Err() error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.f.reason
}

// fly joins the errand that is under way, or starts one, and waits for it.
func (s *Source) fly(ctx context.Context, force bool) (exchange.Credential, error) {
	if err := ctx.Err(); err != nil {
		return exchange.Credential{}, s.typed("credential", err)
	}
	f := s.join(ctx, force)
	if f == nil {
		return s.await(ctx)
	}
	select {
	case <-f.done:
		return f.c, f.err
	case <-ctx.Done():
	}
	if !s.leave(f, ctx.Err()) {
		return exchange.Credential{}, s.typed("credential", ctx.Err())
	}
	<-f.done // nobody is left: it was cancelled, and we are its owner
	if f.err == nil {
		return exchange.Credential{}, s.typed("credential", ctx.Err())
	}
	return exchange.Credential{}, f.err
}

// join takes a seat in a flight; nil when it is Run's to make the credential.
func (s *Source) join(ctx context.Context, force bool) *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running() && !force {
		return nil
	}
	f := s.flights[true] // whoever wants any credential may have the forced one
	if f == nil && !force {
		f = s.flights[false]
	}
	if f == nil {
		f = s.start(ctx, force)
	}
	f.waiters++
	if end, ok := ctx.Deadline(); !ok {
		f.endless = true
	} else if end.After(f.end) {
		f.end = end
	}
	return f
}

// start begins a flight. Its goroutine is owned by those who wait: the last one
// to leave cancels it and waits for its end.
func (s *Source) start(ctx context.Context, force bool) *flight {
	f := &flight{done: make(chan struct{}), stop: make(chan struct{})}
	s.flights[force] = f
	go func() {
		defer close(f.done)
		kind := "cold"
		if force {
			kind = "forced"
		}
		f.c, f.err = s.obtain(flightContext{context.WithoutCancel(ctx), s, f}, errand{force: force})
		s.observe(Event{Kind: "refresh", Refresh: kind, Lifetime: f.c.Lifetime(), RequestID: f.c.RequestID, Err: f.err})
		if f.err == nil {
			s.adopt(f.c) // first: whoever finds no flight finds the credential
		}
		s.mu.Lock()
		if s.flights[force] == f {
			delete(s.flights, force)
		}
		s.mu.Unlock()
	}()
	return f
}

// leave gives up waiting and reports whether the flight was cancelled for it.
func (s *Source) leave(f *flight, reason error) (last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.waiters--
	if f.waiters > 0 {
		return false
	}
	for force, g := range s.flights {
		if g == f {
			delete(s.flights, force) // nobody joins what is cancelled
		}
	}
	f.reason = reason
	close(f.stop)
	return true
}

// adopt puts a new credential into memory and tells those who subscribed.
func (s *Source) adopt(c exchange.Credential) {
	h := s.hold(c)
	s.publish(h.c)
}

package serve

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// slot is a profile as listeners and sinks see it: it stays when a reload puts
// another source into it.
type slot struct {
	now    atomic.Pointer[renewal]
	issued atomic.Bool // there ever was a credential

	mu   sync.Mutex
	subs map[*func(exchange.Credential)]struct{}
}

// renewal is a source whose Run runs.
type renewal struct {
	Profile
	stop context.CancelFunc
	done chan struct{} // closed when Run has returned
	err  error         // of Run, before done is closed
	off  func()        // ends the subscription
}

func newSlot() *slot { return &slot{subs: map[*func(exchange.Credential)]struct{}{}} }

// Credential asks the source; one that is replaced meanwhile is asked no more.
func (s *slot) Credential(ctx context.Context) (exchange.Credential, error) {
	for {
		r := s.now.Load()
		c, err := r.Source.Credential(ctx)
		if err == nil || ctx.Err() != nil || s.now.Load() == r {
			return c, err
		}
	}
}

// Invalidate tells the source that an upstream refused c.
func (s *slot) Invalidate(c exchange.Credential) { s.now.Load().Source.Invalidate(c) }

// held is the credential in memory while it lives.
func (s *slot) held() (c exchange.Credential, left time.Duration, ok bool) {
	return s.now.Load().Source.Held()
}

func (s *slot) ready() bool {
	_, _, ok := s.held()
	return ok
}

// put replaces the source and returns the old one, nil for none.
func (s *slot) put(r *renewal) (old *renewal) {
	old = s.now.Swap(r)
	r.off = r.Source.Subscribe(s.publish)
	if old != nil {
		old.off()
	}
	return old
}

// publish tells of a new credential.
func (s *slot) publish(c exchange.Credential) {
	s.issued.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.subs {
		(*f)(c)
	}
}

// subscribe calls f with each new credential, and with the one that is there. f
// must not block.
func (s *slot) subscribe(f func(exchange.Credential)) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subs[&f] = struct{}{}
	if c, _, ok := s.held(); ok {
		f(c)
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.subs, &f)
	}
}

package tokensource

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// The kinds of renewal, as events and metrics name them.
const (
	cold      = "cold"      // the first one
	ahead     = "ahead"     // before the expiry
	mandatory = "mandatory" // after it
	forced    = "forced"    // an upstream refused the credential
)

// runState belongs to Run and those who wait for it; all but on and wait is
// guarded by Source.mu.
type runState struct {
	on   atomic.Bool
	wait atomic.Bool // callers wait for a forced renewal

	changed chan struct{} // closed and replaced after every renewal
	wake    chan struct{} // a caller needs a renewal

	ever   bool // there was a credential
	wanted bool // somebody waits
	owed   bool // a forced renewal is to be made

	started    stamp // of the last renewal
	tried      bool
	failed     error // of the last renewal, nil after a success
	ended      stamp
	soon, late time.Duration // after ended
	forcedAt   stamp
	forcedEver bool
}

func (s *Source) running() bool { return s.run.on.Load() }

// Run renews the credential until ctx ends, as the table of Source says, and then
// returns nil. It returns an error when the first credential is refused for good,
// unless KeepGoing is set.
func (s *Source) Run(ctx context.Context) error {
	under, ok := s.startRun()
	if !ok {
		return errors.New("tokensource: Run is already running")
	}
	defer s.stopRun()
	if under != nil { // what a caller has begun before us is not begun twice
		select {
		case <-under.done:
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	s.run.ever = s.held.Load() != nil
	s.mu.Unlock()
	for ctx.Err() == nil {
		kind, wait := s.nextRenewal()
		if wait > 0 {
			s.idle(ctx, min(wait, longestRest))
			continue
		}
		err := s.renew(ctx, kind)
		if err != nil && kind == cold && causeOf(err) != exchange.Unavailable && !s.o.KeepGoing {
			return err
		}
	}
	return nil
}

// startRun makes Run the one who renews, and returns the errand that is under way.
func (s *Source) startRun() (under *flight, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.run.on.CompareAndSwap(false, true) {
		return nil, false
	}
	return s.flights[false], true
}

// stopRun lets those who wait go.
func (s *Source) stopRun() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run.on.Store(false)
	s.run.wait.Store(false)
	close(s.run.changed)
	s.run.changed = make(chan struct{})
}

// idle waits for d, for somebody who needs a renewal, or for the end.
func (s *Source) idle(ctx context.Context, d time.Duration) {
	t := s.o.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
	case <-s.run.wake:
	case <-ctx.Done():
	}
}

// nextRenewal says which renewal comes next, and in how long.
func (s *Source) nextRenewal() (kind string, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind, wait = s.dueLocked()
	return kind, max(wait, s.pauseLocked(kind))
}

// dueLocked says which renewal the credential needs next, and in how long.
func (s *Source) dueLocked() (kind string, wait time.Duration) {
	h := s.held.Load()
	switch {
	case h == nil && !s.run.ever:
		return cold, 0
	case h == nil || s.rest(h) <= unusable:
		return mandatory, 0
	case s.run.owed:
		return forced, 0
	case eternal(h.c):
		return ahead, forever
	}
	return ahead, h.renewAt() - s.since(h.at)
}

// pauseLocked is how long a renewal of this kind must still wait.
func (s *Source) pauseLocked(kind string) time.Duration {
	r := &s.run
	switch {
	case !r.tried:
		return 0
	case r.failed != nil && r.wanted:
		return r.soon - s.since(r.ended)
	case r.failed != nil:
		return r.late - s.since(r.ended)
	case kind == forced:
		return 0 // Invalidate keeps them apart
	}
	return apart - s.since(r.started)
}

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
	return ahead, h.renewAt - s.since(h.at)
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

// renew makes one attempt and settles what follows from it.
func (s *Source) renew(ctx context.Context, kind string) error {
	start := s.stamp()
	trying, cancel := context.WithTimeout(ctx, renewBound)
	defer cancel()
	c, err := s.obtain(trying, errand{single: true, better: s.betterFor(kind)})
	if err != nil && ctx.Err() != nil {
		return nil // we are being stopped
	}
	if err == nil && kind == ahead && s.worse(c) {
		err = &exchange.Error{Provider: s.o.Provider, Step: "exchange", Cause: exchange.Refused, RequestID: c.RequestID,
			Description: "the new credential ends before the one in use", Err: errKept}
	}
	s.settle(kind, start, c, err)
	s.observe(Event{Kind: "refresh", Refresh: kind, Lifetime: c.Lifetime(), Duration: s.since(start),
		RequestID: c.RequestID, Err: err})
	return err
}

// betterFor says when a stored credential makes a renewal unnecessary: another
// process may have renewed it.
func (s *Source) betterFor(kind string) func(exchange.Credential) bool {
	h := s.held.Load()
	if h == nil || kind == cold {
		return nil
	}
	return func(c exchange.Credential) bool {
		return !c.Same(h.c) && (kind == forced || s.left(c) > max(s.rest(h), unusable))
	}
}

// worse reports whether c ends before the credential in use.
func (s *Source) worse(c exchange.Credential) bool {
	h := s.held.Load()
	return h != nil && s.left(c) < s.rest(h)
}

// settle records the outcome of a renewal and lets those who wait look at it.
func (s *Source) settle(kind string, start stamp, c exchange.Credential, err error) {
	if err == nil {
		s.hold(c)
	}
	s.mu.Lock()
	r := &s.run
	r.started, r.ended, r.tried = start, s.stamp(), true
	r.failed = err
	r.wanted = false
	r.wait.Store(false)
	if err == nil {
		r.ever, r.owed = true, false
	} else {
		r.soon, r.late = pauseAfter(err, s.since(start), s.random())
	}
	close(r.changed)
	r.changed = make(chan struct{})
	s.mu.Unlock()

	if err != nil {
		s.log.Warn("renewal failed", "kind", kind, "class", causeOf(err), "reason", err, "wait", r.late)
		return
	}
	s.log.Info("credential renewed", "kind", kind, "lifetime", c.Lifetime(), "request_id", c.RequestID)
	s.publish(c)
}

// await waits for Run to make a credential.
func (s *Source) await(ctx context.Context) (exchange.Credential, error) {
	for s.running() {
		c, changed, err := s.ask()
		if changed == nil {
			return c, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return exchange.Credential{}, s.gaveUp(ctx)
		}
	}
	return exchange.Credential{}, s.endedError()
}

// endedError is what callers get when Run has ended: the reason, where it is known.
func (s *Source) endedError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run.failed != nil {
		return s.run.failed
	}
	return &exchange.Error{Provider: s.o.Provider, Step: "credential", Cause: exchange.Unavailable,
		Description: "renewals have ended"}
}

// ask returns the credential, or the failure of moments ago while no attempt may
// be made, or wakes Run and returns what is closed after its attempt. Before the
// first credential, failures that may pass are waited out.
func (s *Source) ask() (c exchange.Credential, changed <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.fromMemory(); ok {
		return c, nil, nil
	}
	r := &s.run
	r.wanted = true
	kind, _ := s.dueLocked()
	pause := s.pauseLocked(kind)
	patient := kind == cold && (r.failed == nil || causeOf(r.failed) == exchange.Unavailable)
	if pause > 0 && !patient {
		return exchange.Credential{}, nil, s.pausedError(r.failed, pause)
	}
	s.wakeRun()
	return exchange.Credential{}, r.changed, nil
}

// wakeRun makes Run look again at what is due.
func (s *Source) wakeRun() {
	select {
	case s.run.wake <- struct{}{}:
	default:
	}
}

// pausedError is the last failure with the time until the next attempt.
func (s *Source) pausedError(err error, pause time.Duration) error {
	e := (*exchange.Error)(nil)
	switch {
	case err == nil:
		e = &exchange.Error{Provider: s.o.Provider, Step: "credential", Cause: exchange.Unavailable,
			Description: "the provider's credentials end sooner than they may be renewed"}
	case !errors.As(err, &e):
		return err
	}
	again := *e
	again.RetryAfter = pause.Round(time.Second) + time.Second
	return &again
}

// gaveUp is the failure of a caller whose time is over: the reason why there is
// no credential, where one is known.
func (s *Source) gaveUp(ctx context.Context) error {
	s.mu.Lock()
	failed := s.run.failed
	s.mu.Unlock()
	if failed != nil && !errors.Is(ctx.Err(), context.Canceled) {
		return failed
	}
	return s.typed("credential", ctx.Err())
}

// Invalidate drops c, which an upstream has refused; a newer credential stays.
// While Run runs it asks for a forced renewal, at most once in 10 s: until that is
// made callers wait, and when it may not be made or fails they get c again, and
// the upstream's own answer with it.
func (s *Source) Invalidate(c exchange.Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held.Load()
	if h == nil || !h.c.Same(c) {
		return
	}
	if eternal(c) {
		return // a static key has no successor
	}
	if !s.running() {
		s.rejectLocked(c)
		s.held.Store(nil)
		return
	}
	r := &s.run
	if r.forcedEver && s.since(r.forcedAt) < apart {
		return
	}
	r.forcedAt, r.forcedEver = s.stamp(), true
	s.rejectLocked(c)
	r.owed = true
	if s.pauseLocked(forced) > 0 {
		return // after a failure no attempt may be made yet; nobody waits for it
	}
	r.wait.Store(true)
	s.wakeRun()
}

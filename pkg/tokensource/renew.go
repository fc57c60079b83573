package tokensource

import (
	"context"
	"errors"
	"strings"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

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
		attrs := []any{"kind", kind, "class", causeOf(err), "reason", err, "wait", r.late}
		var e *exchange.Error
		if errors.As(err, &e) && e.Hint != "" && e.Cause != exchange.Unavailable { // waiting does not help
			attrs = append(attrs, "hint", strings.ReplaceAll(e.Hint, "\n", "; "))
		}
		s.log.Warn("renewal failed", attrs...)
		return
	}
	s.log.Info("credential renewed", "kind", kind, "lifetime", c.Lifetime(), "request_id", c.RequestID)
	s.publish(c)
}

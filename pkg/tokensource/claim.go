package tokensource

import (
	"context"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// claim marks an assertion that the provider takes once as spent, in this process
// and, by the ledger, in all others. It comes just before the assertion is sent;
// release takes it back when no byte of the request was written.
func (s *Source) claim(ctx context.Context, a exchange.Assertion) (release func(), err error) {
	if a.ID == "" || !s.o.Exchanger.SingleUse(a) {
		return func() {}, nil
	}
	until := a.ExpiresAt
	if until.IsZero() {
		until = s.o.Clock.Now().Add(24 * time.Hour)
	}
	if !s.claimHere(a.ID, until) {
		return nil, s.spentError(a)
	}
	if s.o.Ledger == nil {
		return func() { s.forget(a.ID) }, nil
	}
	first, err := s.o.Ledger.Claim(ctx, a.ID, until)
	switch {
	case err != nil && ctx.Err() != nil:
		s.forget(a.ID)
		return nil, s.lateError("claim")
	case err != nil:
		s.warnOnce("assertion cannot be marked as spent, it is sent once all the same", "reason", err)
		return func() { s.forget(a.ID) }, nil
	case !first:
		return nil, s.spentError(a)
	}
	return func() {
		s.forget(a.ID)
		// The claim must not outlive an attempt that sent nothing, even when that
		// attempt ended with its context.
		if err := s.o.Ledger.Release(context.WithoutCancel(ctx), a.ID); err != nil {
			s.log.Debug("claim was not released", "reason", err)
		}
	}, nil
}

// claimHere marks id in this process, false when it already was.
func (s *Source) claimHere(id string, until time.Time) bool {
	now := s.o.Clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.spent[id]; ok {
		return false
	}
	for other, end := range s.spent {
		if now.Sub(end) > time.Hour { // long after its end an assertion is refused as expired
			delete(s.spent, other)
		}
	}
	s.spent[id] = until
	return true
}

func (s *Source) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.spent, id)
}

func (s *Source) spentError(a exchange.Assertion) error {
	desc := "the identity source has only an assertion that was already sent once, and the provider takes each only once"
	hint := "let the source issue a new one: a fresh file, a new job, or an identity that can mint (github, command)"
	if !a.ExpiresAt.IsZero() {
		desc += "; this one ends at " + a.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return &exchange.Error{Provider: s.o.Provider, Step: "claim", Cause: exchange.Identity, Description: desc, Hint: hint}
}

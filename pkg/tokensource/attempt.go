package tokensource

import (
	"context"
	"errors"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// stage is how far an attempt got.
type stage int

const (
	minting stage = iota
	claiming
	exchanging
	spending // exchanging the only assertion of the source, which the provider takes once
)

// attempts repeats whole attempts until one succeeds or another cannot help.
func (s *Source) attempts(ctx context.Context, key string, e errand) (exchange.Credential, error) {
	p := plan{single: e.single}
	for {
		c, at, err := s.attempt(ctx, key, e)
		if err == nil {
			return c, nil
		}
		if p.last != nil && at == claiming && causeOf(err) == exchange.Identity {
			return exchange.Credential{}, noOther(p.last) // the first failure is the reason, this only ends it
		}
		if p.last != nil && late(ctx) {
			return exchange.Credential{}, tooLate(p.last, p.tries())
		}
		wait, again := p.next(at, err, s.random())
		if !again {
			s.refused(ctx, key, err)
			return exchange.Credential{}, err
		}
		if at == spending {
			return exchange.Credential{}, noOther(err)
		}
		if err := s.pause(ctx, err, p.tries(), wait); err != nil {
			return exchange.Credential{}, err
		}
	}
}

// attempt is one assertion and one exchange. The assertion is spent by sending
// it: whatever happens after that, it is not sent again.
func (s *Source) attempt(ctx context.Context, key string, e errand) (exchange.Credential, stage, error) {
	trying, cancel := context.WithTimeout(ctx, s.bound(ctx, e))
	defer cancel()

	if p, ok := s.o.Exchanger.(Preparer); ok {
		defer p.Prepare(trying)()
	}
	a, err := s.mint(trying, s.o.Exchanger.Audience())
	if err != nil {
		return exchange.Credential{}, minting, err
	}
	release, err := s.claim(trying, a)
	if err != nil {
		return exchange.Credential{}, claiming, err
	}
	c, err := s.exchange(trying, a)
	if err != nil {
		at := exchanging
		if x := (*exchange.Error)(nil); errors.As(err, &x) && x.Unsent {
			release()
		} else if a.Only && s.o.Exchanger.SingleUse(a) {
			at = spending
		}
		return exchange.Credential{}, at, err
	}
	if err := s.keep(ctx, key, c); err != nil {
		return exchange.Credential{}, exchanging, err
	}
	s.warnShort(c)
	return c, exchanging, nil
}

// bound is the time for one attempt: at most half of the whole, so that a second
// one has a chance.
func (s *Source) bound(ctx context.Context, e errand) time.Duration {
	rest, bounded := left(ctx)
	if e.single || !bounded {
		return s.o.Attempt
	}
	return min(s.o.Attempt, max(e.whole, rest)/2)
}

// Assertion returns an assertion for audience, with the retries of a mint: for
// those who do their own exchange.
func (s *Source) Assertion(ctx context.Context, audience string) (exchange.Assertion, error) {
	var e errand
	e.whole, _ = left(ctx)
	for p := (plan{}); ; {
		trying, cancel := context.WithTimeout(ctx, s.bound(ctx, e))
		a, err := s.mint(trying, audience)
		cancel()
		if err == nil {
			return a, nil
		}
		wait, again := p.next(minting, err, s.random())
		if !again {
			return exchange.Assertion{}, err
		}
		if err := s.pause(ctx, err, p.tries(), wait); err != nil {
			return exchange.Assertion{}, err
		}
	}
}

// pause says why there is another attempt, and waits for it.
func (s *Source) pause(ctx context.Context, err error, tries int, wait time.Duration) error {
	if rest, bounded := left(ctx); bounded && rest <= wait {
		return tooLate(err, tries)
	}
	s.log.Warn("trying again", "reason", err, "attempt", tries+1, "wait", wait.Round(time.Millisecond))
	if s.sleep(ctx, wait) != nil {
		return tooLate(err, tries)
	}
	return nil
}

// mint asks the identity for an assertion.
func (s *Source) mint(ctx context.Context, audience string) (exchange.Assertion, error) {
	s.warnClock()
	start := s.stamp()
	a, err := s.o.Identity.Assertion(ctx, audience)
	if err != nil {
		err = s.typed("mint", err)
	} else if late(ctx) {
		err = s.lateError("mint")
	} else {
		s.log.Debug("minted", "audience", audience, "expires", a.ExpiresAt.UTC().Format(time.RFC3339))
	}
	s.observe(Event{Kind: "mint", Assertion: a, Duration: s.since(start), Err: err})
	return a, err
}

// clockSet is the year before which no clock that was set can be.
const clockSet = 2000

// warnClock says once that the clock was not set: assertions and certificates
// will seem to be from the future.
func (s *Source) warnClock() {
	if now := s.o.Clock.Now(); now.Year() < clockSet {
		s.warnOnce("the clock of this machine is not set", "now", now.UTC().Format(time.RFC3339))
	}
}

// exchange sends the assertion. An answer that comes after its time, or is worth
// nothing on arrival, is a failure.
func (s *Source) exchange(ctx context.Context, a exchange.Assertion) (exchange.Credential, error) {
	start := s.stamp()
	c, err := s.o.Exchanger.Exchange(ctx, a)
	switch {
	case err != nil:
		err = s.typed("exchange", err)
	case late(ctx):
		err = s.lateError("exchange")
	case !c.NoStore && s.left(c) <= 0:
		// An exchanger refuses a lifetime of nothing; here ours passed while the answer
		// was on its way: a slow network, a suspended machine, a clock that was set.
		err = &exchange.Error{Provider: s.o.Provider, Step: "exchange", Cause: exchange.Unavailable, RequestID: c.RequestID,
			Description: "the credential had expired when it arrived", Retries: exchange.RetryAlways}
	}
	s.observe(Event{Kind: "exchange", Assertion: a, Lifetime: c.Lifetime(), Duration: s.since(start),
		RequestID: c.RequestID, Err: err})
	if err != nil {
		return exchange.Credential{}, err
	}
	if c.Warning != "" {
		s.log.Warn(c.Warning, "request_id", c.RequestID)
	}
	s.log.Debug("exchanged", "request_id", c.RequestID, "lifetime", c.Lifetime())
	return c, nil
}

// refused shares a final refusal with whoever comes to the lock next.
func (s *Source) refused(ctx context.Context, key string, err error) {
	e := (*exchange.Error)(nil)
	if !errors.As(err, &e) || e.Cause != exchange.Refused {
		return
	}
	s.observe(Event{Kind: "refusal", RequestID: e.RequestID, Err: err})
	if s.o.Refusals == nil {
		return
	}
	if err := s.o.Refusals.Record(ctx, key, e); err != nil {
		s.log.Debug("refusal was not shared", "reason", err)
	}
}

// observe completes an event and tells of it.
func (s *Source) observe(e Event) {
	e.Time = s.o.Clock.Now()
	e.Outcome = outcome(e.Err)
	if x := (*exchange.Error)(nil); e.RequestID == "" && errors.As(e.Err, &x) {
		e.RequestID = x.RequestID
	}
	s.o.Observe(e)
}

// outcome is "ok" or the class of err.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return string(causeOf(err))
}

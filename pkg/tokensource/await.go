package tokensource

import (
	"context"
	"errors"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

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

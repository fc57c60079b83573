package tokensource

import (
	"context"
	"errors"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// lock waits for the lock that processes share. Where locks do not work, we go on
// without sharing.
func (s *Source) lock(ctx context.Context, key string) (unlock func(), err error) {
	none := func() {}
	s.mu.Lock()
	broken := s.noLocks
	s.mu.Unlock()
	if s.o.Locker == nil || broken {
		return none, nil
	}
	waiting := ctx
	if s.o.LockWait > 0 {
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(ctx, s.o.LockWait)
		defer cancel()
	}
	unlock, err = s.o.Locker.Lock(waiting, key)
	switch e := (*exchange.Error)(nil); {
	case err == nil:
		return unlock, nil
	case errors.As(err, &e):
		return nil, err
	case waiting.Err() != nil:
		return nil, &exchange.Error{Provider: s.o.Provider, Step: "lock", Cause: exchange.Unavailable,
			Description: "waited for another process until the time was up", Err: err,
			Hint: "if that process hangs, end it; a longer --timeout waits longer"}
	}
	if !s.running() {
		s.mu.Lock()
		s.noLocks = true
		s.mu.Unlock()
	}
	s.warnOnce("locks do not work here, processes do not share this exchange", "reason", err)
	return none, nil
}

package tokensource

import (
	"context"
	"fmt"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Credential returns a credential that is fresh, or was just exchanged. Callers
// that need one at the same time share one exchange; each waits no longer than
// its own context.
func (s *Source) Credential(ctx context.Context) (exchange.Credential, error) {
	if c, ok := s.fromMemory(); ok {
		return c, nil
	}
	if s.running() {
		return s.await(ctx)
	}
	if c, ok := s.Stored(ctx); ok {
		return c, nil
	}
	return s.fly(ctx, false)
}

// Stored returns the credential of the store while it is fresh, waiting for
// nobody. It is looked for on the caller's own goroutine: most commands end here,
// and starting another would cost them as much as the look. Whatever is in the
// way is left to Credential.
func (s *Source) Stored(ctx context.Context) (exchange.Credential, bool) {
	key, err := s.Key(ctx)
	if err != nil || ctx.Err() != nil {
		return exchange.Credential{}, false
	}
	c, found, err := s.look(ctx, key)
	if err != nil || !found || !s.serves(c, errand{}) {
		return exchange.Credential{}, false
	}
	s.adopt(c)
	return c, true
}

// Refresh returns a newly exchanged credential, whatever memory and store hold
// and whoever was refused a moment ago.
func (s *Source) Refresh(ctx context.Context) (exchange.Credential, error) {
	return s.fly(ctx, true)
}

// errand is what one way to the store and the provider is for.
type errand struct {
	force  bool          // neither store nor recent refusals count
	single bool          // one attempt, no retry
	whole  time.Duration // the time that there was at the start, 0 for no bound
	// better says that a stored credential is worth having beyond being fresh;
	// nil: it is.
	better func(exchange.Credential) bool
}

// obtain is the way of a credential: the store, the lock, the store again, a
// refusal of moments ago, and then attempts.
func (s *Source) obtain(ctx context.Context, e errand) (exchange.Credential, error) {
	e.whole, _ = left(ctx)
	key, err := s.Key(ctx)
	if err != nil {
		return exchange.Credential{}, err
	}
	seen, found, err := s.look(ctx, key)
	if err != nil || found && s.serves(seen, e) {
		return seen, err
	}
	unlock, err := s.lock(ctx, key)
	if err != nil {
		return exchange.Credential{}, s.withRest(err, seen, found)
	}
	defer unlock()

	again, foundAgain, err := s.look(ctx, key)
	if err != nil {
		return exchange.Credential{}, err
	}
	if foundAgain && s.servesNow(again, e, seen, found) {
		return again, nil
	}
	if refusal, ok := s.recentRefusal(ctx, key); ok && !e.force {
		return exchange.Credential{}, s.withRest(refusal, again, foundAgain)
	}
	c, err := s.attempts(ctx, key, e)
	if err != nil {
		return exchange.Credential{}, s.withRest(err, again, foundAgain)
	}
	return c, nil
}

// serves reports whether a stored credential answers the errand.
func (s *Source) serves(c exchange.Credential, e errand) bool {
	return !e.force && !s.isRejected(c) && s.fresh(c) && (e.better == nil || e.better(c))
}

// servesNow is serves after the wait for the lock: what was stored meanwhile was
// just exchanged, by another process, and counts like one of our own.
func (s *Source) servesNow(c exchange.Credential, e errand, seen exchange.Credential, found bool) bool {
	if s.serves(c, e) {
		return true
	}
	changed := !found || !c.Same(seen)
	if e.force || !changed || s.isRejected(c) || s.left(c) <= 0 || e.better != nil && !e.better(c) {
		return false
	}
	s.warnShort(c)
	return true
}

// withRest names what is left of a stored credential that was too old to hand out.
func (s *Source) withRest(err error, c exchange.Credential, found bool) error {
	rest := s.left(c).Truncate(time.Second)
	if !found || rest <= 0 || s.isRejected(c) || s.fresh(c) {
		return err
	}
	return fmt.Errorf("%w (the stored credential has only %s left, %s are wanted)", err, rest, s.margin(c))
}

// recentRefusal is what another run was told a moment ago.
func (s *Source) recentRefusal(ctx context.Context, key string) (*exchange.Error, bool) {
	if s.o.Refusals == nil {
		return nil, false
	}
	e, ok := s.o.Refusals.Recent(ctx, key)
	if !ok || e == nil {
		return nil, false
	}
	shared := *e
	shared.Shared = true
	shared.Retries = 0
	return &shared, true
}

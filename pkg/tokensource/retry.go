package tokensource

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// The attempts of one call. Mints are counted whether they succeed or not.
const (
	maxMints      = 5
	maxExchanges  = 4
	firstWait     = time.Second
	maxWait       = 8 * time.Second
	maxRetryAfter = 30 * time.Second
)

// plan counts the attempts of one call and says whether another can help.
type plan struct {
	single           bool
	mints, exchanges int
	limited          map[string]int // failures that help only so often, by kind
	last             error
}

func (p *plan) tries() int { return p.mints }

// next takes a failure and says how long to wait for another attempt. r is random
// in [0, 1).
func (p *plan) next(at stage, err error, r float64) (wait time.Duration, again bool) {
	p.mints++
	if at >= exchanging {
		p.exchanges++
	}
	p.last = err
	e := (*exchange.Error)(nil)
	if p.single || !errors.As(err, &e) || e.Retries == 0 {
		return 0, false
	}
	if e.Retries > 0 {
		kind := e.Step + " " + e.Code
		if p.limited == nil {
			p.limited = map[string]int{}
		}
		p.limited[kind]++
		if p.limited[kind] > e.Retries {
			return 0, false
		}
	}
	if p.mints >= maxMints || p.exchanges >= maxExchanges {
		return 0, false
	}
	if e.RetryAfter > 0 {
		return min(e.RetryAfter, maxRetryAfter), true
	}
	return backoff(p.mints+1, r), true
}

// backoff is the wait before attempt k = 2, 3, ...: between half and whole of
// 1 s * 2^(k-2), at most 8 s. r is random in [0, 1).
func backoff(k int, r float64) time.Duration {
	d := maxWait
	if k < 6 {
		d = min(firstWait<<(k-2), maxWait)
	}
	return d/2 + time.Duration(r*float64(d/2))
}

// random is uniform in [0, 1).
func (s *Source) random() float64 {
	var b [8]byte
	if _, err := io.ReadFull(s.o.Rand, b[:]); err != nil {
		return 0.5 // jitter is a courtesy, not a promise
	}
	return float64(binary.LittleEndian.Uint64(b[:])>>11) / (1 << 53)
}

// sleep waits for d or for the end of ctx.
func (s *Source) sleep(ctx context.Context, d time.Duration) error {
	t := s.o.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// left is the time until the deadline of ctx: that of the real clock, which alone
// ends contexts.
func left(ctx context.Context) (rest time.Duration, bounded bool) {
	end, bounded := ctx.Deadline()
	if !bounded {
		return 0, false
	}
	return time.Until(end), true //nolint:forbidigo // contexts end by the real clock, whatever is injected
}

// late reports whether the time of ctx is over, even when nobody has noticed yet.
func late(ctx context.Context) bool {
	rest, bounded := left(ctx)
	return ctx.Err() != nil || bounded && rest <= 0
}

func (s *Source) lateError(step string) error {
	return &exchange.Error{Provider: s.o.Provider, Step: step, Cause: exchange.Unavailable, Retries: exchange.RetryAlways,
		Description: "the answer came after the time for it", Err: context.DeadlineExceeded}
}

// typed gives err a class if it has none.
func (s *Source) typed(step string, err error) error {
	if e := (*exchange.Error)(nil); errors.As(err, &e) {
		return err
	}
	e := &exchange.Error{Provider: s.o.Provider, Step: step, Cause: exchange.Internal, Err: err}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		e.Cause, e.Retries = exchange.Unavailable, exchange.RetryAlways
	}
	return e
}

// causeOf is the class of err.
func causeOf(err error) exchange.Cause {
	if e := (*exchange.Error)(nil); errors.As(err, &e) {
		return e.Cause
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return exchange.Unavailable
	}
	return exchange.Internal
}

// tooLate names the last cause, and that the time limit ended the attempts.
func tooLate(err error, tries int) error {
	made := "1 attempt was"
	if tries != 1 {
		made = strconv.Itoa(tries) + " attempts were"
	}
	return fmt.Errorf("%w (%s made, no time is left for another)", err, made)
}

// noOther names the last cause, and that there is no second assertion to send.
func noOther(err error) error {
	return fmt.Errorf("%w (not tried again: the assertion was sent, and the identity source has no other)", err)
}

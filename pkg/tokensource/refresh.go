package tokensource

import (
	"errors"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// A server renews at a uniformly random moment of this window of the lifetime, so
// that a fleet that was started together does not renew together.
const (
	renewFrom = 0.65
	renewTo   = 0.75
)

// refreshAt is when a credential is renewed ahead of its expiry. r is random in
// [0, 1).
func refreshAt(issued, expires time.Time, r float64) time.Time {
	return issued.Add(time.Duration((renewFrom + (renewTo-renewFrom)*r) * float64(expires.Sub(issued))))
}

// The pace of renewals.
const (
	apart       = 10 * time.Second // from one renewal to the next, and between forced ones
	renewBound  = 10 * time.Second // of one attempt in the background
	soonest     = 5 * time.Second  // after a failure that may pass
	latest      = 10 * time.Second // the same, and the most that Retry-After counts
	afterFinal  = time.Minute      // after any other failure
	longestRest = 30 * time.Second // timers do not see a suspended machine: look at the clocks again
)

// errKept is a renewal that brought nothing better: no failure of the provider,
// and no reason to ask again at once.
var errKept = errors.New("the one in use is kept")

// pauseAfter is how long no renewal is tried after a failure: soon where a caller
// waits, late otherwise. An attempt that took long has already used up a part of
// the pause, so that the first success comes within 15 s of the end of an outage.
func pauseAfter(err error, took time.Duration, r float64) (soon, late time.Duration) {
	if errors.Is(err, errKept) {
		return apart, apart
	}
	if causeOf(err) != exchange.Unavailable {
		return afterFinal, afterFinal
	}
	late = soonest + time.Duration(r*float64(latest-soonest))
	late = max(soonest, late-took)
	if e := (*exchange.Error)(nil); errors.As(err, &e) && e.RetryAfter > 0 {
		wanted := max(soonest, min(e.RetryAfter, latest))
		return wanted, wanted
	}
	return soonest, late
}

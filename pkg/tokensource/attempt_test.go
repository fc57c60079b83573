package tokensource_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

func TestAttempts(t *testing.T) {
	once := &exchange.Error{Provider: "aws", Step: "exchange", Cause: exchange.Refused, Status: 400, Code: "ExpiredToken", Retries: 1}
	forbidden := &exchange.Error{Provider: "github", Step: "mint", Cause: exchange.Identity, Status: 403, Retries: 2}
	mintDown := &exchange.Error{Provider: "github", Step: "mint", Cause: exchange.Unavailable, Status: 503, Retries: exchange.RetryAlways}
	unsent := &exchange.Error{Provider: "anthropic", Step: "exchange", Cause: exchange.Unavailable, Retries: exchange.RetryAlways, Unsent: true}
	for _, tc := range []struct {
		name             string
		mint, answer     func(int) error
		want             error
		mints, exchanges int
	}{
		{"F040: a final refusal is one exchange", nil, always(refused()), exchange.Refused, 1, 1},
		{"F041: a passing failure is answered by a new mint", nil, first(1, unavailable("exchange", nil)), nil, 2, 2},
		{"F042: an outage ends after 4 exchanges", nil, always(unavailable("exchange", nil)), exchange.Unavailable, 4, 4},
		{"F024: a mint that is down is asked 5 times", always(mintDown), nil, exchange.Unavailable, 5, 0},
		{"F023: a mint that was down once costs one more request", first(1, mintDown), nil, nil, 2, 1},
		{"F022: a 403 of the mint is tried at most twice more", always(forbidden), nil, exchange.Identity, 3, 0},
		{"F022: a 403 of the mint once does no harm", first(1, forbidden), nil, nil, 2, 1},
		{"a code that may help once gets one retry", nil, always(once), exchange.Refused, 2, 2},
		{"a refused dial spends nothing and is tried again", nil, first(2, unsent), nil, 3, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, ctx context.Context, w *world) {
				w.mintErr, w.answer = tc.mint, tc.answer
				_, err := w.source().Credential(ctx)
				require.ErrorIs(t, err, tc.want)
				mints, exchanges, replays := w.counts()
				assert.Equal(t, [3]int{tc.mints, tc.exchanges, 0}, [3]int{mints, exchanges, replays})
				assert.Equal(t, max(mints, exchanges)-1, strings.Count(w.logged(), "trying again"), "each retry is one line")
			})
		})
	}
}

func TestRetryAfterReplacesTheWaitUpTo30Seconds(t *testing.T) {
	for _, tc := range []struct {
		name     string
		after    time.Duration
		min, max time.Duration
	}{
		{"3 s are kept", 3 * time.Second, 3 * time.Second, 3 * time.Second},
		{"a year is cut to 30 s", 8760 * time.Hour, 30 * time.Second, 30 * time.Second},
		{"none leaves the schedule", 0, 500 * time.Millisecond, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, ctx context.Context, w *world) {
				w.took = 0
				w.answer = first(1, &exchange.Error{Provider: "p", Step: "exchange", Cause: exchange.Unavailable, Status: 429,
					Retries: exchange.RetryAlways, RetryAfter: tc.after})
				start := time.Now()
				_, err := w.source().Credential(ctx)
				require.NoError(t, err)
				assert.GreaterOrEqual(t, time.Since(start), tc.min)
				assert.LessOrEqual(t, time.Since(start), tc.max)
			})
		})
	}
}

func TestTheScheduleOfRetries(t *testing.T) {
	t.Parallel()
	for k, whole := range map[int]time.Duration{2: time.Second, 3: 2 * time.Second, 4: 4 * time.Second, 5: 8 * time.Second, 6: 8 * time.Second, 99: 8 * time.Second} {
		assert.Equal(t, whole/2, tokensource.Backoff(k, 0), k)
		assert.InDelta(t, whole, tokensource.Backoff(k, 0.999999), float64(time.Millisecond), k)
	}
}

func TestAnAttemptGetsAtMostHalfOfTheTime(t *testing.T) {
	for _, tc := range []struct {
		name  string
		whole time.Duration
		want  time.Duration
	}{
		{"half of 10 s", 10 * time.Second, 5 * time.Second},
		{"30 s of 10 min", 10 * time.Minute, 30 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, ctx context.Context, w *world) {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tc.whole)
				defer cancel()
				w.took = time.Hour
				start := time.Now()
				done := make(chan struct{})
				go func() {
					defer close(done)
					_, _ = w.source().Credential(ctx)
				}()
				time.Sleep(tc.want - time.Millisecond)
				assert.NotContains(t, w.logged(), "trying again")
				time.Sleep(2 * time.Millisecond)
				assert.Equal(t, tc.want+time.Millisecond, time.Since(start))
				assert.Contains(t, w.logged(), "trying again")
				cancel()
				<-done
			})
		})
	}
}

func TestTheLastCauseIsNamedWhenTheTimeEndsTheAttempts(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
		defer cancel()
		w.answer = always(&exchange.Error{Provider: "anthropic", Step: "exchange", Cause: exchange.Unavailable, Status: 529,
			Code: "overloaded_error", Retries: exchange.RetryAlways})
		_, err := w.source().Credential(ctx)
		require.ErrorIs(t, err, exchange.Unavailable)
		assert.ErrorContains(t, err, "HTTP 529: overloaded_error")
		assert.ErrorContains(t, err, "no time is left")
	})
}

func TestALateAnswerIsNeitherCachedNorHandedOut(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		// F056: the exchanger does not look at its context.
		s := w.source(func(o *tokensource.Options) { o.Exchanger = deaf{exchanger{w}} })
		ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
		defer cancel()
		w.took = 5 * time.Second
		_, err := s.Credential(ctx)
		require.ErrorIs(t, err, exchange.Unavailable)
		assert.Empty(t, w.entries)
		_, _, ok := s.Held()
		assert.False(t, ok)
	})
}

type deaf struct{ exchanger }

func (d deaf) Exchange(ctx context.Context, a exchange.Assertion) (exchange.Credential, error) {
	return d.exchanger.Exchange(context.WithoutCancel(ctx), a)
}

func TestAnAssertionIsSentOnce(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		// F044: the first run fails in its own class, every later one for the assertion.
		w.literal = true
		w.answer = always(unavailable("exchange", context.DeadlineExceeded))
		_, err := w.source().Credential(ctx)
		require.ErrorIs(t, err, exchange.Unavailable)
		assert.ErrorContains(t, err, "the identity source has no other")
		for range 3 {
			_, err = w.source().Credential(ctx)
			require.ErrorIs(t, err, exchange.Identity)
			assert.ErrorContains(t, err, "already sent once")
			e := &exchange.Error{}
			require.ErrorAs(t, err, &e)
			assert.Zero(t, e.Retries)
			assert.NotEmpty(t, e.Hint)
		}
		_, exchanges, replays := w.counts()
		assert.Equal(t, 1, exchanges)
		assert.Zero(t, replays)
	})
}

func TestAnAssertionThatMayBeRepeatedIsNotClaimed(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		w.literal, w.reusable = true, true
		w.answer = first(1, unavailable("exchange", nil))
		_, err := w.source().Credential(ctx)
		require.NoError(t, err)
		assert.Empty(t, w.ledger)
	})
}

func TestAClaimIsReleasedWhenNothingWasSent(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		w.literal = true
		w.answer = first(2, &exchange.Error{Provider: "anthropic", Step: "exchange", Cause: exchange.Unavailable,
			Retries: exchange.RetryAlways, Unsent: true})
		_, err := w.source().Credential(ctx)
		require.NoError(t, err)
		assert.Equal(t, 2, w.released)
		assert.Len(t, w.ledger, 1)
	})
}

func TestAnAssertionIsSentOnceWithoutALedgerToo(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		w.literal = true
		w.answer = always(unavailable("exchange", nil))
		s := w.source(func(o *tokensource.Options) { o.Ledger = nil })
		for range 3 {
			_, err := s.Credential(ctx)
			require.Error(t, err)
		}
		_, exchanges, _ := w.counts()
		assert.Equal(t, 1, exchanges)
	})
}

func TestAnAnswerThatExpiredOnTheWayIsNotHandedOut(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		w.lifetime, w.took = time.Second, 2*time.Second
		_, err := w.source().Credential(ctx)
		require.ErrorIs(t, err, exchange.Unavailable)
		assert.ErrorContains(t, err, "expired when it arrived")
		assert.Empty(t, w.entries)
	})
}

func TestAssertionRetriesTheMintOnly(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		w.mintErr = first(4, unavailable("mint", nil))
		a, err := w.source().Assertion(ctx, "https://other")
		require.NoError(t, err)
		assert.Equal(t, []string{"https://other"}, a.Audience)
		mints, exchanges, _ := w.counts()
		assert.Equal(t, [2]int{5, 0}, [2]int{mints, exchanges})
	})
}

func TestEventsTellTheStory(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		w.answer = func(n int) error {
			if n == 1 {
				return unavailable("exchange", nil)
			}
			if n == 2 {
				return refused()
			}
			return nil
		}
		_, err := w.source().Credential(ctx)
		require.Error(t, err)
		var got []string
		for _, e := range w.events {
			got = append(got, strings.TrimSpace(e.Kind+" "+e.Refresh)+" "+e.Outcome)
		}
		assert.Equal(t, []string{"mint ok", "exchange unavailable", "mint ok", "exchange refused", "refusal refused", "refresh cold refused"}, got)
		assert.Equal(t, "req-refused", w.events[3].RequestID)
	})
}

// prepared records when a connection is prepared and let go.
type prepared struct {
	exchanger
	steps *[]string
}

func (p prepared) Prepare(context.Context) func() {
	mints, exchanges, _ := p.w.counts()
	*p.steps = append(*p.steps, fmt.Sprintf("prepare after %d, %d", mints, exchanges))
	return func() {
		mints, exchanges, _ := p.w.counts()
		*p.steps = append(*p.steps, fmt.Sprintf("release after %d, %d", mints, exchanges))
	}
}

func TestTheExchangeIsPreparedWhileTheAssertionIsMinted(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		var steps []string
		w.answer = first(1, unavailable("exchange", nil))
		w.mintErr = func(n int) error {
			if n == 2 {
				return unavailable("mint", nil)
			}
			return nil
		}
		s := w.source(func(o *tokensource.Options) { o.Exchanger = prepared{exchanger{w}, &steps} })
		_, err := s.Credential(ctx)
		require.NoError(t, err)
		_, err = s.Credential(ctx) // a hit prepares nothing
		require.NoError(t, err)
		assert.Equal(t, []string{
			"prepare after 0, 0", "release after 1, 1", // the exchange failed
			"prepare after 1, 1", "release after 2, 1", // the mint failed
			"prepare after 2, 1", "release after 3, 2",
		}, steps)
	})
}

package tokensource_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// bubble runs f in virtual time, with the time limit of a command.
func bubble(t *testing.T, f func(t *testing.T, ctx context.Context, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		f(t, ctx, newWorld())
	})
}

func TestNewNamesEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	_, err := tokensource.New(tokensource.Options{MinTTL: -1})
	require.Error(t, err)
	for _, want := range []string{"identity is required", "exchanger is required", "clock is required", "min ttl is negative"} {
		assert.ErrorContains(t, err, want)
	}
}

func TestTheSecondCallComesFromMemoryAndTheSecondProcessFromTheStore(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		s := w.source()
		c, err := s.Credential(ctx)
		require.NoError(t, err)
		again, err := s.Credential(ctx)
		require.NoError(t, err)
		other, err := w.source().Credential(ctx)
		require.NoError(t, err)
		assert.True(t, c.Same(again))
		assert.True(t, c.Same(other))
		mints, exchanges, replays := w.counts()
		assert.Equal(t, [3]int{1, 1, 0}, [3]int{mints, exchanges, replays})
		assert.NotContains(t, w.logged(), "level=WARN")
	})
}

func TestAStorm(t *testing.T) {
	for _, tc := range []struct {
		name             string
		answer           func(w *world) func(int) error
		wantErr          error
		mints, exchanges int
	}{
		{"F080: 200 processes on a cold cache make one mint and one exchange", nil, nil, 1, 1},
		{"F082: a first exchange that was consumed and timed out makes two of each", func(*world) func(int) error {
			return first(1, unavailable("exchange", context.DeadlineExceeded))
		}, nil, 2, 2},
		{"F083: a final refusal is shared with those who wait", func(*world) func(int) error {
			return always(refused())
		}, exchange.Refused, 1, 1},
		{"F084: an outage of 3 s takes at most 4 exchanges", func(w *world) func(int) error {
			start := w.clock.Now()
			return func(int) error {
				if w.clock.Now().Sub(start) < 3*time.Second {
					return unavailable("exchange", nil)
				}
				return nil
			}
		}, nil, 4, 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, ctx context.Context, w *world) {
				if tc.answer != nil {
					w.answer = tc.answer(w)
				}
				var wg sync.WaitGroup
				got := make([]exchange.Credential, 200)
				errs := make([]error, 200)
				for i := range got {
					s := w.source()
					wg.Go(func() { got[i], errs[i] = s.Credential(ctx) })
				}
				wg.Wait()
				shared := 0
				for i := range got {
					if tc.wantErr == nil {
						require.NoError(t, errs[i])
						require.True(t, got[i].Same(got[0]), "all get the same token")
						continue
					}
					require.ErrorIs(t, errs[i], tc.wantErr)
					if e := (*exchange.Error)(nil); errors.As(errs[i], &e) && e.Shared {
						shared++
					}
				}
				if tc.wantErr != nil {
					assert.Equal(t, 200-tc.exchanges, shared, "the others say that it was another run's refusal")
				}
				mints, exchanges, replays := w.counts()
				assert.LessOrEqual(t, mints, tc.mints)
				assert.LessOrEqual(t, exchanges, tc.exchanges)
				assert.Zero(t, replays)
			})
		})
	}
}

func TestOneCallerWhoGivesUpDoesNotFailTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		w.took = 10 * time.Second
		s := w.source()
		hasty, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		var hastyErr, err error
		var c exchange.Credential
		wg.Go(func() { _, hastyErr = s.Credential(hasty) })
		synctest.Wait()
		wg.Go(func() { c, err = s.Credential(ctx) })
		synctest.Wait()
		cancel()
		wg.Wait()
		require.ErrorIs(t, hastyErr, context.Canceled)
		require.NoError(t, err)
		assert.False(t, c.Token.IsZero())
		_, exchanges, _ := w.counts()
		assert.Equal(t, 1, exchanges)
	})
}

func TestALongerDeadlineOfALaterCallerCounts(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		w.took = 4 * time.Second
		s := w.source()
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		var wg sync.WaitGroup
		var shortErr, err error
		wg.Go(func() { _, shortErr = s.Credential(short) })
		synctest.Wait()
		wg.Go(func() { _, err = s.Credential(ctx) })
		wg.Wait()
		require.ErrorIs(t, shortErr, context.DeadlineExceeded)
		require.NoError(t, err)
	})
}

func TestTheLastCallerWhoGivesUpEndsTheExchange(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		w.took = time.Hour
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := w.source().Credential(ctx)
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, time.Second, time.Since(start))
		assert.Empty(t, w.entries)
	})
}

func TestFreshness(t *testing.T) {
	for _, tc := range []struct {
		name      string
		lifetime  time.Duration
		minTTL    time.Duration
		age       time.Duration
		exchanges int
		warns     bool
	}{
		{"a 1 h token with 2 min left is fresh", time.Hour, 0, 58 * time.Minute, 1, false},
		{"a 1 h token with less than 2 min left is replaced", time.Hour, 0, 58*time.Minute + time.Second, 2, false},
		{"a 60 s token with a quarter left is fresh", time.Minute, 0, 44 * time.Second, 1, false},
		{"a 60 s token with less than a quarter left is replaced", time.Minute, 0, 46 * time.Second, 2, false},
		{"a wanted minimum replaces the default", time.Hour, 30 * time.Minute, 31 * time.Minute, 2, false},
		{"a new token below the minimum is handed out with a warning", time.Minute, time.Hour, 0, 2, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, ctx context.Context, w *world) {
				w.lifetime, w.took = tc.lifetime, 0
				min := func(o *tokensource.Options) { o.MinTTL = tc.minTTL }
				_, err := w.source(min).Credential(ctx)
				require.NoError(t, err)
				w.clock.suspend(tc.age)
				_, err = w.source(min).Credential(ctx)
				require.NoError(t, err)
				_, exchanges, _ := w.counts()
				assert.Equal(t, tc.exchanges, exchanges)
				assert.Equal(t, tc.warns, strings.Contains(w.logged(), "lives shorter than wanted"))
			})
		})
	}
}

func TestATokenExchangedWhileWeWaitedCountsAsJustExchanged(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		w.lifetime = time.Minute
		min := func(o *tokensource.Options) { o.MinTTL = time.Hour }
		var wg sync.WaitGroup
		for range 20 {
			s := w.source(min)
			wg.Go(func() {
				_, err := s.Credential(ctx)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		_, exchanges, _ := w.counts()
		assert.Equal(t, 1, exchanges)
	})
}

func TestAnOldTokenIsNotHandedOutWhenTheExchangeFails(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		_, err := w.source().Credential(ctx)
		require.NoError(t, err)
		w.clock.suspend(59 * time.Minute)
		w.fail(always(refused()))
		_, err = w.source().Credential(ctx)
		require.ErrorIs(t, err, exchange.Refused)
		assert.ErrorContains(t, err, "59s left, 2m0s are wanted")
	})
}

func TestRefreshExchangesWhateverIsThere(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		s := w.source()
		c, err := s.Credential(ctx)
		require.NoError(t, err)
		n, err := s.Refresh(ctx)
		require.NoError(t, err)
		assert.False(t, c.Same(n))
		again, err := s.Credential(ctx)
		require.NoError(t, err)
		assert.True(t, n.Same(again), "the newer one is in use")

		w.fail(always(refused()))
		_, err = s.Refresh(ctx)
		require.ErrorIs(t, err, exchange.Refused)
		w.fail(nil)
		_, err = s.Refresh(ctx)
		require.NoError(t, err, "a refusal of moments ago is ignored")
	})
}

func TestForcedRefreshesAreSerialAcrossProcesses(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		w.took = time.Second
		var wg sync.WaitGroup
		for range 20 {
			s := w.source()
			wg.Go(func() {
				_, err := s.Refresh(ctx)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		require.LessOrEqual(t, len(w.times), 20)
		for i := 1; i < len(w.times); i++ {
			assert.GreaterOrEqual(t, w.times[i].Sub(w.times[i-1]), time.Second)
		}
	})
}

func TestInvalidateDropsThatOneOnly(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		s := w.source()
		old, err := s.Credential(ctx)
		require.NoError(t, err)
		s.Invalidate(old)
		c, err := s.Credential(ctx)
		require.NoError(t, err)
		assert.False(t, c.Same(old), "the stored copy of the refused one is not used")
		s.Invalidate(old)
		again, err := s.Credential(ctx)
		require.NoError(t, err)
		assert.True(t, again.Same(c), "a late refusal of the old one leaves the newer one")
	})
}

func TestInvalidateTakesWhatAnotherProcessRenewed(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		s := w.source()
		old, err := s.Credential(ctx)
		require.NoError(t, err)
		n, err := w.source().Refresh(ctx)
		require.NoError(t, err)
		s.Invalidate(old)
		c, err := s.Credential(ctx)
		require.NoError(t, err)
		assert.True(t, c.Same(n))
		_, exchanges, _ := w.counts()
		assert.Equal(t, 2, exchanges)
	})
}

func TestTheWayOnWhenSomethingAroundFails(t *testing.T) {
	for _, tc := range []struct {
		name  string
		harm  func(*world)
		warns string
	}{
		{"F086: locks that do not work are warned of once", func(w *world) { w.lockErr = errors.New("no locks available") }, "locks do not work"},
		{"a store that cannot be read is warned of once", func(w *world) { w.getErr = errors.New("unsafe directory") }, "cache cannot be used"},
		{"F066: a full disk is warned of once", func(w *world) { w.putErr = errors.New("no space left") }, "credential was not cached"},
		{"a ledger that cannot be written is warned of once", func(w *world) { w.ledgerErr = errors.New("read-only") }, "cannot be marked as spent"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, ctx context.Context, w *world) {
				tc.harm(w)
				s := w.source()
				for range 3 {
					_, err := s.Refresh(ctx)
					require.NoError(t, err)
				}
				assert.Equal(t, 1, strings.Count(w.logged(), "level=WARN"))
				assert.Contains(t, w.logged(), tc.warns)
				_, _, replays := w.counts()
				assert.Zero(t, replays)
			})
		})
	}
}

func TestARequiredStoreThatFailsIsAFailure(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		required := func(o *tokensource.Options) { o.StoreRequired = true }
		w.getErr = errors.New("locked")
		_, err := w.source(required).Credential(ctx)
		require.ErrorIs(t, err, exchange.Storage)
		mints, _, _ := w.counts()
		assert.Zero(t, mints, "nothing is spent before the store is known to work")
		w.getErr, w.putErr = nil, errors.New("too large")
		_, err = w.source(required).Credential(ctx)
		require.ErrorIs(t, err, exchange.Storage)
	})
}

func TestAHolderThatHangsIsNamedAtTheDeadline(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		s := w.source()
		key, err := s.Key(ctx)
		require.NoError(t, err)
		unlock, err := locker{w}.Lock(ctx, key)
		require.NoError(t, err)
		start := time.Now()
		_, err = s.Credential(ctx)
		require.ErrorIs(t, err, exchange.Unavailable)
		assert.ErrorContains(t, err, "held by pid 7")
		assert.ErrorContains(t, err, "deadline")
		assert.Equal(t, time.Minute, time.Since(start))
		unlock()

		brief := w.source(func(o *tokensource.Options) { o.LockWait = 2 * time.Second })
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		unlock, err = locker{w}.Lock(fresh, key)
		require.NoError(t, err)
		defer unlock()
		start = time.Now()
		_, err = brief.Credential(fresh)
		require.ErrorIs(t, err, exchange.Unavailable)
		assert.Equal(t, 2*time.Second, time.Since(start))
	})
}

func TestIdentitiesDoNotShare(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		a, err := w.source().Credential(ctx)
		require.NoError(t, err)
		b, err := w.source(func(o *tokensource.Options) { o.Identity = identity{w, "other job"} }).Credential(ctx)
		require.NoError(t, err)
		assert.False(t, a.Same(b))
		assert.Len(t, w.entries, 2)
	})
}

func TestClocks(t *testing.T) {
	for _, tc := range []struct {
		name      string
		move      func(*testClock)
		exchanges int
	}{
		{"F101: a wall clock stepped back does not prolong a credential", func(c *testClock) {
			c.step(-30 * time.Minute)
			c.mu.Lock()
			c.boot += time.Hour
			c.mu.Unlock()
		}, 2},
		{"F102: a step forward costs one exchange", func(c *testClock) { c.step(time.Hour) }, 2},
		{"a small step back changes nothing", func(c *testClock) { c.step(-time.Minute) }, 1},
		{"F103: suspended time counts", func(c *testClock) { c.suspend(time.Hour) }, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, ctx context.Context, w *world) {
				s := w.source(func(o *tokensource.Options) { o.Store = nil })
				for range 2 {
					_, err := s.Credential(ctx)
					require.NoError(t, err)
				}
				tc.move(w.clock)
				for range 3 {
					_, err := s.Credential(ctx)
					require.NoError(t, err)
				}
				_, exchanges, _ := w.counts()
				assert.Equal(t, tc.exchanges, exchanges)
			})
		})
	}
}

func TestHeldSaysWhatIsInMemory(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		s := w.source()
		_, _, ok := s.Held()
		assert.False(t, ok)
		_, err := s.Credential(ctx)
		require.NoError(t, err)
		w.clock.suspend(10 * time.Minute)
		_, left, ok := s.Held()
		assert.True(t, ok)
		assert.InDelta(t, 50*time.Minute, left, float64(time.Second))
		w.clock.suspend(time.Hour)
		_, _, ok = s.Held()
		assert.False(t, ok)
	})
}

func TestSubscribersHearOfEachNewCredential(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		s := w.source()
		var got []string
		stop := s.Subscribe(func(c exchange.Credential) { got = append(got, c.RequestID) })
		_, err := s.Credential(ctx)
		require.NoError(t, err)
		late := []string{}
		stopLate := s.Subscribe(func(c exchange.Credential) { late = append(late, c.RequestID) })
		defer stopLate()
		_, err = s.Refresh(ctx)
		require.NoError(t, err)
		stop()
		_, err = s.Refresh(ctx)
		require.NoError(t, err)
		assert.Equal(t, []string{"req-1", "req-2"}, got)
		assert.Equal(t, []string{"req-1", "req-2", "req-3"}, late)
	})
}

func TestAnUnnamedLifetimeIsHandedOutOnceAndNotStored(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context, w *world) {
		s := w.source(func(o *tokensource.Options) { o.Exchanger = unnamed{exchanger{w}} })
		for range 2 {
			_, err := s.Credential(ctx)
			require.NoError(t, err)
		}
		_, exchanges, _ := w.counts()
		assert.Equal(t, 2, exchanges)
		assert.Empty(t, w.entries)
	})
}

// unnamed is a provider that does not name the lifetime.
type unnamed struct{ exchanger }

func (u unnamed) Exchange(ctx context.Context, a exchange.Assertion) (exchange.Credential, error) {
	c, err := u.exchanger.Exchange(ctx, a)
	c.NoStore, c.ExpiresAt = true, time.Time{}
	return c, err
}

package tokensource_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// running is a source with its Run, stopped at the end of the test.
func running(t *testing.T, w *world, change ...func(*tokensource.Options)) *tokensource.Source {
	t.Helper()
	s := w.source(change...)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	synctest.Wait()
	return s
}

// server runs f in virtual time without a limit.
func server(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld()) })
}

// ask is one request: it waits for at most 30 s.
func ask(t *testing.T, s *tokensource.Source) (exchange.Credential, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return s.Credential(ctx)
}

func TestADayOfServing(t *testing.T) {
	type outage struct {
		name  string
		from  time.Duration // of the lifetime, counted from the start
		lasts float64       // of the lifetime
	}
	for _, lifetime := range []time.Duration{time.Minute, 5 * time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour} {
		for _, down := range []outage{
			{"no outage", 0, 0},
			{"an outage shorter than the rest of the lifetime", lifetime * 6 / 10, 0.2},
			{"an outage longer than the rest of the lifetime", lifetime * 6 / 10, 1.3},
		} {
			t.Run(fmt.Sprintf("%s tokens, %s", lifetime, down.name), func(t *testing.T) {
				server(t, func(t *testing.T, w *world) {
					w.lifetime = lifetime
					day := 24 * time.Hour
					if lifetime == day {
						day *= 3
					}
					start := time.Now()
					downFrom := start.Add(down.from)
					downTo := downFrom.Add(time.Duration(down.lasts * float64(lifetime)))
					successes := 0
					w.answer = func(int) error {
						now := time.Now()
						if !now.Before(downFrom) && now.Before(downTo) {
							return unavailable("exchange", nil)
						}
						w.mu.Lock()
						defer w.mu.Unlock()
						successes++
						return nil
					}
					s := running(t, w, func(o *tokensource.Options) { o.Store = nil })
					expired, failed, recovered := 0, 0, time.Time{}
					step := max(lifetime/40, time.Second)
					for time.Since(start) < day {
						c, err := ask(t, s)
						now := time.Now()
						switch {
						case err != nil:
							failed++
							require.False(t, now.After(downTo.Add(15*time.Second)) || now.Before(downFrom), "failed at %s: %v", now.Sub(start), err)
						case !c.ExpiresAt.After(now):
							expired++
						case recovered.IsZero() && now.After(downTo):
							recovered = now
						}
						time.Sleep(step)
					}
					assert.Zero(t, expired, "expired credentials handed out")
					optimum := math.Ceil(float64(day) / (0.65 * float64(lifetime)))
					w.mu.Lock()
					got := successes
					w.mu.Unlock()
					assert.LessOrEqual(t, float64(got), optimum+1, "exchanges")
					if down.lasts < 0.3 {
						assert.Zero(t, failed, "failed requests")
					} else {
						assert.NotZero(t, failed, "the outage was not seen")
						assert.LessOrEqual(t, recovered.Sub(downTo), 15*time.Second+step, "recovery")
					}
				})
			})
		}
	}
}

func TestLifetimesFromASecondToADay(t *testing.T) {
	for _, seconds := range []int{1, 5, 30, 59, 60, 61, 119, 120, 121, 300, 600, 3600, 86400} {
		t.Run(fmt.Sprintf("F106: %d s", seconds), func(t *testing.T) {
			server(t, func(t *testing.T, w *world) {
				w.lifetime = time.Duration(seconds) * time.Second
				s := running(t, w)
				start := time.Now()
				run := max(10*time.Minute, 3*w.lifetime)
				for time.Since(start) < run {
					if c, err := ask(t, s); err == nil {
						require.True(t, c.ExpiresAt.After(time.Now()))
					}
					time.Sleep(max(time.Second, run/2000))
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				for i := 1; i < len(w.times); i++ {
					require.GreaterOrEqual(t, w.times[i].Sub(w.times[i-1]), 10*time.Second-time.Millisecond)
				}
				if seconds >= 60 {
					assert.LessOrEqual(t, float64(len(w.times)), math.Ceil(float64(run)/(0.65*float64(w.lifetime)))+1)
				}
			})
		})
	}
}

func TestAFleetSpreadsItsRenewals(t *testing.T) {
	server(t, func(t *testing.T, w *world) {
		// F119: 500 servers started in one second with 1 h tokens.
		for i := range 500 {
			running(t, w, func(o *tokensource.Options) {
				o.Identity, o.Store = identity{w, fmt.Sprint("job ", i)}, nil
			})
			time.Sleep(2 * time.Millisecond)
		}
		time.Sleep(50 * time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		renewals := w.times[500:]
		require.Len(t, renewals, 500)
		spread := renewals[len(renewals)-1].Sub(renewals[0])
		assert.GreaterOrEqual(t, spread, time.Hour*8/100)
	})
}

func TestAtTheInstantOfExpiryManyRequestsShareOneExchange(t *testing.T) {
	server(t, func(t *testing.T, w *world) {
		// F116, after a machine that was suspended: no renewal ahead could be made (F103, F104).
		s := running(t, w)
		_, err := ask(t, s)
		require.NoError(t, err)
		w.clock.suspend(2 * time.Hour)
		var wg sync.WaitGroup
		for range 256 {
			wg.Go(func() {
				c, err := ask(t, s)
				assert.NoError(t, err)
				assert.Equal(t, "req-2", c.RequestID)
			})
		}
		wg.Wait()
		time.Sleep(time.Minute)
		_, exchanges, _ := w.counts()
		assert.Equal(t, 2, exchanges)
		w.mu.Lock()
		defer w.mu.Unlock()
		var kinds []string
		for _, e := range w.events {
			if e.Kind == "refresh" {
				kinds = append(kinds, e.Refresh)
			}
		}
		assert.Equal(t, []string{"cold", "mandatory"}, kinds)
	})
}

func TestARefusalKeepsTheOldOneToItsEnd(t *testing.T) {
	server(t, func(t *testing.T, w *world) {
		// F113, F120: once a minute, and the old token stays in use.
		s := running(t, w)
		_, err := ask(t, s)
		require.NoError(t, err)
		w.fail(always(refused()))
		start := time.Now()
		for time.Since(start) < 58*time.Minute {
			_, err := ask(t, s)
			require.NoError(t, err)
			time.Sleep(10 * time.Second)
		}
		w.mu.Lock()
		tries := append([]time.Time{}, w.times[1:]...)
		w.mu.Unlock()
		require.NotEmpty(t, tries)
		for i := 1; i < len(tries); i++ {
			assert.GreaterOrEqual(t, tries[i].Sub(tries[i-1]), time.Minute)
		}
		time.Sleep(2 * time.Minute)
		_, err = ask(t, s)
		require.ErrorIs(t, err, exchange.Refused, "after the end the failure is told")
		assert.Contains(t, w.logged(), "renewal failed")
	})
}

func TestARenewalThatHangsIsCutAndDisturbsNobody(t *testing.T) {
	server(t, func(t *testing.T, w *world) {
		// F117.
		s := running(t, w)
		_, err := ask(t, s)
		require.NoError(t, err)
		w.mu.Lock()
		w.took = time.Hour
		w.mu.Unlock()
		time.Sleep(50 * time.Minute)
		before := time.Now()
		_, err = ask(t, s)
		require.NoError(t, err)
		assert.Zero(t, time.Since(before))
		w.mu.Lock()
		defer w.mu.Unlock()
		for i := 2; i < len(w.times); i++ {
			gap := w.times[i].Sub(w.times[i-1])
			assert.InDelta(t, 15*time.Second, gap, float64(time.Millisecond), "10 s of attempt and 5 s of pause")
		}
	})
}

func TestAShorterCredentialDoesNotReplaceABetterOne(t *testing.T) {
	server(t, func(t *testing.T, w *world) {
		// F118.
		s := running(t, w)
		old, err := ask(t, s)
		require.NoError(t, err)
		w.mu.Lock()
		w.lifetime = 20 * time.Second
		w.mu.Unlock()
		time.Sleep(55 * time.Minute)
		c, err := ask(t, s)
		require.NoError(t, err)
		assert.True(t, c.Same(old))
		w.mu.Lock()
		for i := 2; i < len(w.times); i++ {
			assert.GreaterOrEqual(t, w.times[i].Sub(w.times[i-1]), 10*time.Second-time.Millisecond)
		}
		w.lifetime = time.Hour
		w.mu.Unlock()
		time.Sleep(20 * time.Second)
		c, err = ask(t, s)
		require.NoError(t, err)
		assert.False(t, c.Same(old))
	})
}

func TestTheStartWaitsOutAnOutageButNotARefusal(t *testing.T) {
	server(t, func(t *testing.T, w *world) {
		w.answer = first(2, unavailable("exchange", nil))
		s := running(t, w)
		start := time.Now()
		_, err := ask(t, s)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, time.Since(start), 10*time.Second)
		assert.Less(t, time.Since(start), 15*time.Second)
	})
}

func TestAStartThatIsRefusedEndsRun(t *testing.T) {
	server(t, func(t *testing.T, w *world) {
		w.answer = always(refused())
		s := w.source()
		var wg sync.WaitGroup
		var waitErr error
		err := make(chan error, 1)
		wg.Go(func() { err <- s.Run(t.Context()) })
		wg.Go(func() { time.Sleep(time.Millisecond); _, waitErr = ask(t, s) })
		wg.Wait()
		require.ErrorIs(t, <-err, exchange.Refused)
		require.ErrorIs(t, waitErr, exchange.Refused)
	})
}

func TestKeepGoing(t *testing.T) {
	server(t, func(t *testing.T, w *world) {
		w.answer = always(refused())
		s := running(t, w, func(o *tokensource.Options) { o.KeepGoing = true })
		time.Sleep(time.Second)
		start := time.Now()
		_, err := ask(t, s)
		require.ErrorIs(t, err, exchange.Refused)
		assert.Zero(t, time.Since(start), "a final failure is told at once")
		e := &exchange.Error{}
		require.ErrorAs(t, err, &e)
		assert.InDelta(t, time.Minute, e.RetryAfter, float64(2*time.Second))
		w.fail(nil)
		time.Sleep(time.Minute)
		_, err = ask(t, s)
		require.NoError(t, err)
	})
}

func TestAnUpstreamsRefusalForcesOneRenewal(t *testing.T) {
	server(t, func(t *testing.T, w *world) {
		s := running(t, w)
		old, err := ask(t, s)
		require.NoError(t, err)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				s.Invalidate(old)
				c, err := ask(t, s)
				assert.NoError(t, err)
				assert.False(t, c.Same(old))
			})
		}
		wg.Wait()
		_, exchanges, _ := w.counts()
		assert.Equal(t, 2, exchanges)

		current, err := ask(t, s)
		require.NoError(t, err)
		s.Invalidate(current)
		kept, err := ask(t, s)
		require.NoError(t, err)
		assert.True(t, kept.Same(current), "within 10 s the current one is kept")
		time.Sleep(11 * time.Second)
		s.Invalidate(old)
		same, err := ask(t, s)
		require.NoError(t, err)
		assert.True(t, same.Same(current), "a late refusal of an older one renews nothing")
		s.Invalidate(current)
		n, err := ask(t, s)
		require.NoError(t, err)
		assert.False(t, n.Same(current))
	})
}

func TestAnUpstreamThatAlwaysRefusesCostsOneExchangeIn10Seconds(t *testing.T) {
	server(t, func(t *testing.T, w *world) {
		// F115: 1,000 requests.
		s := running(t, w)
		start := time.Now()
		for range 1000 {
			c, err := ask(t, s)
			require.NoError(t, err)
			s.Invalidate(c)
			_, err = ask(t, s)
			require.NoError(t, err)
			time.Sleep(50 * time.Millisecond)
		}
		_, exchanges, _ := w.counts()
		assert.LessOrEqual(t, exchanges, int(time.Since(start)/(10*time.Second))+2)
		assert.GreaterOrEqual(t, exchanges, 4)
	})
}

func TestAForcedRenewalThatFailsLeavesTheOldOneInUse(t *testing.T) {
	server(t, func(t *testing.T, w *world) {
		s := running(t, w)
		old, err := ask(t, s)
		require.NoError(t, err)
		w.fail(always(unavailable("exchange", nil)))
		s.Invalidate(old)
		c, err := ask(t, s)
		require.NoError(t, err)
		assert.True(t, c.Same(old), "the upstream's own answer is passed on, never a 503")
		w.fail(nil)
		time.Sleep(15 * time.Second)
		c, err = ask(t, s)
		require.NoError(t, err)
		assert.False(t, c.Same(old), "the renewal is still owed")
	})
}

func TestRunSharesWithOtherProcesses(t *testing.T) {
	server(t, func(t *testing.T, w *world) {
		// F092: tokens asked for by commands while a server renews, for 10 lifetimes.
		w.lifetime = time.Minute
		running(t, w)
		running(t, w)
		start := time.Now()
		for time.Since(start) < 10*time.Minute {
			c, err := ask(t, w.source())
			require.NoError(t, err)
			require.True(t, c.ExpiresAt.After(time.Now()))
			time.Sleep(time.Second)
		}
		_, exchanges, _ := w.counts()
		assert.LessOrEqual(t, exchanges, 17, "one for each renewal")
	})
}

func TestRunDoesNotRepeatWhatACallerHasBegun(t *testing.T) {
	server(t, func(t *testing.T, w *world) {
		s := w.source(func(o *tokensource.Options) { o.Store, o.Locker = nil, nil })
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := s.Credential(t.Context())
			assert.NoError(t, err)
		})
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() { assert.NoError(t, s.Run(ctx)) })
		time.Sleep(time.Minute)
		_, exchanges, _ := w.counts()
		assert.Equal(t, 1, exchanges)
		cancel()
		wg.Wait()
	})
}

func TestRunTwiceIsAnError(t *testing.T) {
	server(t, func(t *testing.T, w *world) {
		s := running(t, w)
		require.Error(t, s.Run(t.Context()))
	})
}

func TestRequestsThatWaitAtTheEndAreLetGo(t *testing.T) {
	server(t, func(t *testing.T, w *world) {
		w.took = time.Hour
		s := w.source()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { assert.NoError(t, s.Run(ctx)) })
		synctest.Wait()
		var err error
		wg.Go(func() { _, err = ask(t, s) })
		synctest.Wait()
		cancel()
		wg.Wait()
		require.ErrorIs(t, err, exchange.Unavailable)
	})
}

func TestAWaitingRequestMayBringATryForward(t *testing.T) {
	server(t, func(t *testing.T, w *world) {
		w.lifetime, w.took = time.Minute, 0
		s := running(t, w)
		w.fail(always(unavailable("exchange", nil)))
		time.Sleep(3 * time.Minute)
		w.mu.Lock()
		w.times = nil
		w.mu.Unlock()
		start := time.Now()
		for time.Since(start) < 2*time.Minute {
			_, err := ask(t, s)
			require.ErrorIs(t, err, exchange.Unavailable)
			e := &exchange.Error{}
			require.True(t, errors.As(err, &e))
			assert.NotZero(t, e.RetryAfter)
			time.Sleep(100 * time.Millisecond)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		require.Greater(t, len(w.times), 18, "waiting requests are tried for every 5 s")
		for i := 1; i < len(w.times); i++ {
			assert.GreaterOrEqual(t, w.times[i].Sub(w.times[i-1]), 5*time.Second-time.Millisecond)
		}
	})
}

func TestStaticIsTheSameForEver(t *testing.T) {
	t.Parallel()
	key := exchange.Credential{Kind: exchange.APIKey}
	s := tokensource.NewStatic(key)
	s.Invalidate(key)
	c, err := s.Credential(t.Context())
	require.NoError(t, err)
	assert.Equal(t, exchange.APIKey, c.Kind)
	_, _, ok := s.Held()
	assert.True(t, ok)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Run(ctx))
	told := 0
	s.Subscribe(func(exchange.Credential) { told++ })()
	assert.Equal(t, 1, told)
}

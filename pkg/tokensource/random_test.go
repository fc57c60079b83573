package tokensource_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Whatever happens to a server, an expired credential is never handed out, no
// assertion is sent twice, exchanges keep their pace, and after the last trouble a
// request is answered within 15 s.
func TestRandomTroubles(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			server(t, func(t *testing.T, w *world) {
				r := rand.New(rand.NewPCG(seed, 1))
				lifetimes := []time.Duration{20 * time.Second, time.Minute, 5 * time.Minute, time.Hour}
				w.lifetime = lifetimes[r.IntN(len(lifetimes))]
				s := running(t, w)
				var last exchange.Credential
				healed := time.Now()
				// A jump of the clocks while an answer is on its way is a trouble of its own.
				disturbed := func() {
					if !healed.IsZero() {
						healed = time.Now()
					}
				}
				invalidated := 0
				for range 400 {
					switch r.IntN(40) {
					case 0:
						w.fail(always(unavailable("exchange", nil)))
						healed = time.Time{}
					case 1:
						w.mu.Lock()
						w.took = time.Hour
						w.mu.Unlock()
						healed = time.Time{}
					case 2, 3, 4, 5:
						w.fail(nil)
						w.mu.Lock()
						w.took = 100 * time.Millisecond
						w.mu.Unlock()
						if healed.IsZero() {
							healed = time.Now()
						}
					case 6:
						disturbed()
						w.clock.suspend(time.Duration(r.Int64N(int64(2 * w.lifetime))))
					case 7:
						disturbed()
						w.clock.step(time.Duration(r.Int64N(int64(w.lifetime))) - w.lifetime/2)
					case 8, 9:
						s.Invalidate(last)
						invalidated++
					default:
						time.Sleep(time.Duration(r.Int64N(int64(w.lifetime / 10))))
					}
					c, err := ask(t, s)
					if err != nil {
						require.False(t, !healed.IsZero() && time.Since(healed) > 16*time.Second, "an error long after the end of the trouble: %v", err)
						continue
					}
					last = c
					_, left, ok := s.Held()
					require.True(t, ok && left > 0, "handed out with %s left", left)
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				require.Zero(t, w.replays)
				close := 0 // forced renewals and those after a step may follow closely
				for i := 1; i < len(w.times); i++ {
					if w.times[i].Sub(w.times[i-1]) < 5*time.Second-time.Millisecond {
						close++
					}
				}
				require.LessOrEqual(t, close, 2*invalidated+20)
			})
		})
	}
}

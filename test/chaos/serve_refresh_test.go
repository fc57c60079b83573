//go:build linux

package chaos

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// issuer is a token endpoint and an API whose tokens live as short as a test wants
// it, where the sandbox grants nothing below a minute.
type issuer struct {
	*httptest.Server
	mu        sync.Mutex
	life      time.Duration
	trouble   func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
	grants    map[string]time.Time
	asked     []time.Time // exchanges
	served    int
	expired   int  // requests with a token that had ended
	foreign   int  // requests with anything else
	refuseAll bool // the API answers 401
}

func newIssuer(t *testing.T, life time.Duration) *issuer {
	t.Helper()
	i := &issuer{life: life, grants: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/oauth/token", i.exchange)
	mux.HandleFunc("/", i.api)
	i.Server = httptest.NewServer(mux)
	t.Cleanup(func() { i.CloseClientConnections(); i.Close() })
	return i
}

func (i *issuer) env() string { return "AWF_AUTH_ANTHROPIC_TOKEN_URL=" + i.URL + "/v1/oauth/token" }

func (i *issuer) exchange(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	_, _ = io.Copy(io.Discard, r.Body)
	i.mu.Lock()
	i.asked = append(i.asked, now)
	trouble, life := i.trouble, i.life
	token := fmt.Sprintf("sk-ant-oat01-issued-%08d", len(i.asked))
	i.mu.Unlock()
	if trouble != nil && trouble(w, r) {
		return
	}
	i.mu.Lock()
	i.grants[token] = now.Add(life)
	i.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(life / time.Second)})
}

func (i *issuer) api(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	now := time.Now()
	i.mu.Lock()
	defer i.mu.Unlock()
	until, ok := i.grants[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	switch {
	case !ok || len(r.Header["Authorization"]) != 1:
		i.foreign++
	case !now.Before(until):
		i.expired++
	case i.refuseAll:
	default:
		i.served++
		_, _ = io.WriteString(w, "ok")
		return
	}
	w.WriteHeader(http.StatusUnauthorized)
}

// set changes what comes next.
func (i *issuer) set(change func(*issuer)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(i)
}

func (i *issuer) exchanges() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.asked)
}

// gaps are the times between exchanges from the n-th on.
func (i *issuer) gaps(from int) (gaps []time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := from; n+1 < len(i.asked); n++ {
		gaps = append(gaps, i.asked[n+1].Sub(i.asked[n]))
	}
	return gaps
}

func refuse(status int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"error":"temporarily_unavailable"}`)
		return true
	}
}

// watch asks every 20 ms until it is stopped, and tells each answer with its time.
func (s *server) watch(told func(at time.Time, status int, body string)) (stop func()) {
	end := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
			}
			status, body := s.ask()
			told(time.Now(), status, body)
		}
	})
	var once sync.Once
	stop = func() { once.Do(func() { close(end); all.Wait() }) }
	s.t.Cleanup(stop)
	return stop
}

func TestF110ShortLifetimes(t *testing.T) {
	t.Parallel()
	c := row(t, "F110", "short lifetimes in real time (a day is in virtual time): 0 expired sent, 0 failed, exchanges at most the optimum and 1")
	var all sync.WaitGroup
	lives := []time.Duration{16 * time.Second, 60 * time.Second}
	if full { // leaves little time between the earliest renewal and the end
		lives = append(lives, 14*time.Second)
	}
	for _, life := range lives {
		w := newWorld(t)
		i := newIssuer(t, life)
		s := w.with(i.env()).serving(i.URL).live()
		all.Go(func() {
			asked, failed := 0, ""
			run := time.Duration(much(150, 13)) * time.Second
			stop := s.watch(func(_ time.Time, status int, body string) {
				asked++
				if status != 200 {
					failed = fmt.Sprint(status, " ", body)
				}
			})
			sleep(run)
			stop()
			between := max(10*time.Second, life*65/100)
			most := int(run/between) + 2
			i.mu.Lock()
			defer i.mu.Unlock()
			c.that(failed == "" && i.expired == 0 && i.foreign == 0, "%v: %d expired, %d foreign, failed %s", life, i.expired, i.foreign, failed)
			c.that(len(i.asked) <= most, "%v: %d exchanges in %v, at most %d", life, len(i.asked), run, most)
			c.note("%v: %d requests, %d exchanges", life, asked, len(i.asked))
		})
	}
	all.Wait()
}

func TestF111AShortOutage(t *testing.T) {
	t.Parallel()
	c := row(t, "F111", "the token endpoint is down for less than the rest of the lifetime: 0 requests fail, at most a try in 5 s")
	if !full {
		t.Skip("takes a minute: AWF_CHAOS=full")
	}
	w := newWorld(t)
	i := newIssuer(t, time.Minute)
	s := w.with(i.env()).serving(i.URL).live()
	i.set(func(i *issuer) { i.trouble = refuse(503) })
	var failed atomic.Int64
	stop := s.watch(func(_ time.Time, status int, _ string) {
		if status != 200 {
			failed.Add(1)
		}
	})
	deadline := time.Now().Add(70 * time.Second)
	for i.exchanges() < 2 && time.Now().Before(deadline) {
		sleep(50 * time.Millisecond)
	}
	sleep(4 * time.Second)
	i.set(func(i *issuer) { i.trouble = nil })
	before := i.exchanges()
	for i.exchanges() == before && time.Now().Before(deadline) {
		sleep(50 * time.Millisecond)
	}
	sleep(15 * time.Second) // the first token has ended
	stop()
	for _, gap := range i.gaps(1) {
		c.that(gap >= 4900*time.Millisecond, "a try %v after the last", gap)
	}
	c.that(failed.Load() == 0, "%d requests failed", failed.Load())
	c.that(i.exchanges() == before+1, "%d exchanges, then %d", before, i.exchanges())
	c.that(i.expired == 0 && i.foreign == 0, "%d expired sent", i.expired)
	c.note("%d exchanges", i.exchanges())
}

func TestF112ALongOutage(t *testing.T) {
	t.Parallel()
	c := row(t, "F112", "down for longer: 503 retryable with Retry-After after the expiry; the first success at most 15 s after it is back")
	w := newWorld(t)
	i := newIssuer(t, 12*time.Second)
	s := w.with(i.env()).serving(i.URL).live()
	begun := time.Now()
	i.set(func(i *issuer) { i.trouble = refuse(503) })
	var first503, back, firstOK atomic.Int64
	var odd atomic.Value
	stop := s.watch(func(at time.Time, status int, body string) {
		r, shape := ours(body)
		switch {
		case status == 503 && shape && *r.Error.Retryable:
			first503.CompareAndSwap(0, at.UnixNano())
		case status == 200:
			if back.Load() > 0 {
				firstOK.CompareAndSwap(0, at.UnixNano())
			}
		default:
			odd.Store(fmt.Sprint(status, " ", body))
		}
	})
	deadline := time.Now().Add(40 * time.Second)
	for first503.Load() == 0 && time.Now().Before(deadline) {
		sleep(20 * time.Millisecond)
	}
	end := time.Unix(0, first503.Load()).Sub(begun)
	c.that(end > 8*time.Second && end < 14*time.Second, "the token of 12 s was used for %v", end)
	reply, _ := s.raw(s.request("POST", "/v1/messages", askBody), 10*time.Second)
	c.that(contains(strings.ToLower(reply), "\nretry-after: "), "Retry-After: %q", reply)
	sleep(3 * time.Second) // it is used until 2 s before its end, and lives until then
	status, _ := s.get("/readyz")
	c.that(status == 503, "it is not ready: %d", status)
	back.Store(time.Now().UnixNano())
	i.set(func(i *issuer) { i.trouble = nil })
	for firstOK.Load() == 0 && time.Now().Before(deadline) {
		sleep(20 * time.Millisecond)
	}
	stop()
	took := time.Duration(firstOK.Load() - back.Load())
	c.that(firstOK.Load() > 0 && took <= 15*time.Second, "the first success came after %v", took)
	c.that(odd.Load() == nil, "another answer: %v", odd.Load())
	c.that(i.expired == 0 && i.foreign == 0, "%d expired sent", i.expired)
	c.note("first success %v after it was back", took.Round(time.Millisecond))
}

// refused is F113 and F120: a final refusal while the old token lives.
func (c *check) refusedWhileAlive(s *server, i *issuer, life time.Duration, tries func() int, word string) {
	c.t.Helper()
	s.live()
	begun := time.Now()
	var bad atomic.Value
	alive := life - 3*time.Second // two before its end, and one for a busy machine
	var notReady atomic.Bool
	stop := s.watch(func(at time.Time, status int, body string) {
		if at.Sub(begun) < alive && status != 200 {
			bad.Store(fmt.Sprint(at.Sub(begun), ": ", status, " ", body))
		}
	})
	before := tries()
	for time.Since(begun) < alive-500*time.Millisecond {
		if status, _ := s.get("/readyz"); status != 200 {
			notReady.Store(true)
		}
		sleep(200 * time.Millisecond)
	}
	c.that(bad.Load() == nil, "the old token is used to its end: %v", bad.Load())
	c.that(!notReady.Load(), "ready until then")
	sleep(2500 * time.Millisecond)
	stop()
	status, body := s.ask()
	r, shape := ours(body)
	c.that((status == 403 || status == 503) && shape && !*r.Error.Retryable, "after its end: %d %s", status, body)
	c.that(tries()-before == 1, "%d tries, at most one in a minute", tries()-before)
	said := s.said.String()
	c.that(contains(said, "renewal failed") && contains(said, word), "the log says so: %s", said)
	c.that(s.metric("awf_cred_refreshes_total") > 1 && s.metric(`awf_cred_refreshes_total{profile="environment",provider="anthropic",kind="ahead",outcome="`+word+`"}`) > 0,
		"the metrics say so")
	c.that(i.expired == 0 && i.foreign == 0, "%d expired sent", i.expired)
}

func TestF113ARefusalWhileTheTokenLives(t *testing.T) {
	t.Parallel()
	c := row(t, "F113", "401 of the token endpoint while the old token lives: used to its end, ready, at most a try a minute, said")
	if !full {
		t.Skip("takes the life of a token: AWF_CHAOS=full")
	}
	w := newWorld(t)
	const life = 16 * time.Second
	i := newIssuer(t, life)
	s := w.with(i.env()).serving(i.URL).live()
	i.set(func(i *issuer) { i.trouble = refuse(401) })
	c.refusedWhileAlive(s, i, life, i.exchanges, "refused")
}

func TestF120TheMintEndsDuringTheJob(t *testing.T) {
	t.Parallel()
	c := row(t, "F120", "the request token ends during the job: as F113, with the reason")
	if !full {
		t.Skip("takes the life of a token: AWF_CHAOS=full")
	}
	w := newWorld(t)
	const life = 16 * time.Second
	i := newIssuer(t, life)
	s := w.with(i.env()).serving(i.URL).live()
	w.sb.AddFault(sandbox.Mint, sandbox.Status(401).Always())
	c.refusedWhileAlive(s, i, life, w.mints, "identity")
	c.that(contains(s.said.String(), "401"), "the reason is named")
}

func TestF114TheUpstreamRefusesALiveToken(t *testing.T) {
	t.Parallel()
	c := row(t, "F114", "one 401: one refresh, the request is repeated if its body is within the limit, else the 401 goes on and the next is right")
	w := newWorld(t)
	s := w.serving(w.sb.PlainURL(sandbox.HostAnthropic)).live()
	status, body := s.ask()
	c.that(status == 200, "%d %s", status, body)
	w.sb.RevokeAll()
	status, body = s.ask()
	c.that(status == 200 && w.exchanges() == 2, "a small body: %d %s, %d exchanges", status, body, w.exchanges())

	w = newWorld(t)
	s = w.serving(w.sb.PlainURL(sandbox.HostAnthropic), "--replay-limit", "64KiB").live()
	w.sb.RevokeAll()
	large := strings.Replace(askBody, "hi", strings.Repeat("x", 100<<10), 1)
	status, body = s.post(large)
	c.that(status == 401, "a large body: %d %s", status, body)
	status, body = s.post(large)
	c.that(status == 200 && w.exchanges() == 2, "the next one: %d %s, %d exchanges", status, body, w.exchanges())
}

func TestF115TheUpstreamRefusesAlways(t *testing.T) {
	t.Parallel()
	c := row(t, "F115, T07", "401 always: the client gets it; 1,000 requests cause at most an exchange in 10 s")
	w := newWorld(t)
	i := newIssuer(t, time.Hour)
	i.refuseAll = true
	s := w.with(i.env()).serving(i.URL).live()
	begun := time.Now()
	var all sync.WaitGroup
	var other atomic.Int64
	const clients = 10
	requests := much(1000, 300)
	for range clients {
		all.Go(func() {
			for range requests / clients {
				if status, _ := s.ask(); status != 401 {
					other.Add(1)
				}
			}
		})
	}
	all.Wait()
	took := time.Since(begun)
	most := 2 + int(took/(10*time.Second))
	c.that(other.Load() == 0, "%d other answers", other.Load())
	c.that(i.exchanges() <= most, "%d exchanges in %v, at most %d", i.exchanges(), took, most)
	c.note("%d requests, %d exchanges in %v", requests, i.exchanges(), took.Round(time.Millisecond))
}

func TestF116AtTheInstantOfExpiry(t *testing.T) {
	t.Parallel()
	c := row(t, "F116", "256 requests at the instant of expiry: 1 exchange, 256 answers")
	w := newWorld(t)
	i := newIssuer(t, 13*time.Second)
	s := w.with(i.env()).serving(i.URL).live()
	gate := make(chan struct{})
	i.set(func(i *issuer) {
		i.trouble = func(_ http.ResponseWriter, r *http.Request) bool {
			select {
			case <-gate:
			case <-r.Context().Done():
			}
			return false
		}
	})
	// The renewal at 10 s is held; at 11 s the old token is used no more.
	deadline := time.Now().Add(20 * time.Second)
	for i.exchanges() < 2 && time.Now().Before(deadline) {
		sleep(20 * time.Millisecond)
	}
	sleep(1500 * time.Millisecond)
	var all sync.WaitGroup
	var good atomic.Int64
	for range 256 {
		all.Go(func() {
			reply, err := s.raw(s.request("POST", "/v1/messages", askBody), 30*time.Second)
			if err == nil && strings.HasPrefix(reply, "HTTP/1.1 200 ") {
				good.Add(1)
			}
		})
	}
	s.await("asked", func() bool { return s.metric("awf_cred_open_connections") >= 256 || good.Load() > 0 })
	close(gate)
	all.Wait()
	c.that(good.Load() == 256, "%d of 256 answers", good.Load())
	c.that(i.exchanges() == 2, "%d exchanges, the first among them", i.exchanges())
	c.that(i.expired == 0 && i.foreign == 0, "%d expired sent", i.expired)
}

func TestF117ARenewalThatHangs(t *testing.T) {
	t.Parallel()
	c := row(t, "F117", "a renewal that hangs: requests go on with the old token, it is cancelled at its bound of 10 s")
	if !full {
		t.Skip("takes the life of a token: AWF_CHAOS=full")
	}
	w := newWorld(t)
	const life = 20 * time.Second
	i := newIssuer(t, life)
	s := w.with(i.env()).serving(i.URL).live()
	begun := time.Now()
	hung := make(chan time.Duration, 8)
	i.set(func(i *issuer) {
		i.trouble = func(_ http.ResponseWriter, r *http.Request) bool {
			from := time.Now()
			<-r.Context().Done()
			hung <- time.Since(from)
			return true
		}
	})
	var bad atomic.Value
	stop := s.watch(func(at time.Time, status int, body string) {
		if at.Sub(begun) < life-3*time.Second && status != 200 {
			bad.Store(fmt.Sprint(at.Sub(begun), ": ", status, " ", body))
		}
	})
	sleep(life - 3*time.Second)
	stop()
	c.that(i.exchanges() >= 2, "the renewal has begun")
	c.that(bad.Load() == nil, "requests go on: %v", bad.Load())
	select {
	case d := <-hung:
		c.that(d > 9*time.Second && d < 12*time.Second, "it was cancelled after %v", d)
		c.note("cancelled after %v", d.Round(time.Millisecond))
	case <-time.After(20 * time.Second):
		c.that(false, "it was not cancelled")
	}
	c.that(i.expired == 0 && i.foreign == 0, "%d expired sent", i.expired)
}

func TestF118AWorseToken(t *testing.T) {
	t.Parallel()
	c := row(t, "F118", "a renewal that brings a shorter or an ended token: a warning, the better one is used, no spin")
	if !full {
		t.Skip("takes the life of a token: AWF_CHAOS=full")
	}
	var all sync.WaitGroup
	for _, lives := range []int{1, 3, 0, -5} {
		w := newWorld(t)
		const life = 18 * time.Second
		i := newIssuer(t, life)
		s := w.with(i.env()).serving(i.URL).live()
		begun := time.Now()
		i.set(func(i *issuer) { i.life = time.Duration(lives) * time.Second })
		all.Go(func() {
			var bad atomic.Value
			stop := s.watch(func(at time.Time, status int, body string) {
				if at.Sub(begun) < life-3*time.Second && status != 200 {
					bad.Store(fmt.Sprint(at.Sub(begun), ": ", status, " ", body))
				}
			})
			sleep(life - 3*time.Second)
			stop()
			said := s.said.String()
			c.that(bad.Load() == nil, "a new one of %d s: %v", lives, bad.Load())
			c.that(i.exchanges() >= 2 && i.exchanges() <= 3, "a new one of %d s: %d exchanges", lives, i.exchanges())
			c.that(contains(said, "level=WARN msg=\"renewal failed\"") || contains(said, "level=WARN msg=\"credential"), "a new one of %d s: no warning: %s", lives, said)
			i.mu.Lock()
			defer i.mu.Unlock()
			c.that(i.expired == 0 && i.foreign == 0, "a new one of %d s: %d expired sent", lives, i.expired)
		})
	}
	all.Wait()
}

func TestF119AFleet(t *testing.T) {
	row(t, "F119", "500 serves started in one second: in process, in the tests of pkg/tokensource")
	t.Skip("in process: pkg/tokensource")
}

package tokensource_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// testClock is the bubble's time, with steps of the wall and suspended time on top.
type testClock struct {
	mu         sync.Mutex
	base       time.Time
	wall, boot time.Duration
}

func newTestClock() *testClock { return &testClock{base: time.Now()} }

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.wall)
}

func (c *testClock) Boot() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Hour + time.Since(c.base) + c.boot
}

func (c *testClock) NewTimer(d time.Duration) tokensource.Timer { return testTimer{time.NewTimer(d)} }

// step moves the wall clock only.
func (c *testClock) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall += d
}

// suspend lets time pass that no timer sees.
func (c *testClock) suspend(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall += d
	c.boot += d
}

type testTimer struct{ t *time.Timer }

func (t testTimer) C() <-chan time.Time { return t.t.C }
func (t testTimer) Stop() bool          { return t.t.Stop() }

// world is everything around one or more sources: issuer, provider, store, locks,
// ledger and refusals, as strict as the real ones.
type world struct {
	mu        sync.Mutex
	clock     *testClock
	lifetime  time.Duration
	took      time.Duration // of an exchange
	mintErr   func(n int) error
	answer    func(n int) error // failure of the n-th exchange, from 1
	literal   bool              // the identity cannot mint anew
	reusable  bool              // the provider takes an assertion again
	mints     int
	exchanges int
	replays   int
	granted   int
	used      map[string]bool
	entries   map[string]exchange.Credential
	locks     map[string]chan struct{}
	lockErr   error
	getErr    error
	putErr    error
	ledger    map[string]bool
	ledgerErr error
	released  int
	refusals  map[string]refusal
	log       bytes.Buffer
	events    []tokensource.Event
	times     []time.Time // of exchanges
}

type refusal struct {
	at time.Time
	e  *exchange.Error
}

func newWorld() *world {
	return &world{
		clock: newTestClock(), lifetime: time.Hour, took: 100 * time.Millisecond,
		used: map[string]bool{}, entries: map[string]exchange.Credential{}, locks: map[string]chan struct{}{},
		ledger: map[string]bool{}, refusals: map[string]refusal{},
	}
}

// options are those of one process in this world.
func (w *world) options() tokensource.Options {
	return tokensource.Options{
		Provider: "anthropic", Profile: "p",
		Identity: identity{w, "job"}, Exchanger: exchanger{w}, Clock: w.clock,
		Store: store{w}, Locker: locker{w}, Ledger: ledger{w}, Refusals: refusals{w},
		Log: slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(e tokensource.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	}
}

func (w *world) source(change ...func(*tokensource.Options)) *tokensource.Source {
	o := w.options()
	for _, f := range change {
		f(&o)
	}
	s, err := tokensource.New(o)
	if err != nil {
		panic(err)
	}
	return s
}

// Write collects log lines.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

func (w *world) counts() (mints, exchanges, replays int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mints, w.exchanges, w.replays
}

func (w *world) fail(answer func(n int) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

type identity struct {
	w    *world
	name string
}

func (i identity) Fingerprint(context.Context) (string, error) { return i.name, nil }

func (i identity) Assertion(_ context.Context, audience string) (exchange.Assertion, error) {
	w := i.w
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mints++
	if w.mintErr != nil {
		if err := w.mintErr(w.mints); err != nil {
			return exchange.Assertion{}, err
		}
	}
	id := fmt.Sprintf("%s-%d", i.name, w.mints)
	if w.literal {
		id = i.name + "-literal"
	}
	return exchange.Assertion{Token: secret.New("jwt " + id), ID: id, Audience: []string{audience},
		ExpiresAt: w.clock.Now().Add(5 * time.Minute)}, nil
}

type exchanger struct{ w *world }

func (exchanger) Audience() string                      { return "aud" }
func (exchanger) Fingerprint() string                   { return "exchange" }
func (e exchanger) SingleUse(a exchange.Assertion) bool { return !e.w.reusable && a.ID != "" }

func (e exchanger) Exchange(ctx context.Context, a exchange.Assertion) (exchange.Credential, error) {
	w := e.w
	issued := w.clock.Now()
	w.mu.Lock()
	w.exchanges++
	n, answer, took := w.exchanges, w.answer, w.took
	w.times = append(w.times, issued)
	if w.used[a.ID] && !w.reusable {
		w.replays++
	}
	w.mu.Unlock()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		w.mu.Lock()
		w.used[a.ID] = true
		w.mu.Unlock()
		return exchange.Credential{}, unavailable("exchange", ctx.Err())
	}
	if answer != nil {
		if err := answer(n); err != nil {
			if x := (*exchange.Error)(nil); !errors.As(err, &x) || !x.Unsent {
				w.mu.Lock()
				w.used[a.ID] = true
				w.mu.Unlock()
			}
			return exchange.Credential{}, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.used[a.ID] = true
	w.granted++
	return exchange.Credential{Provider: "anthropic", Kind: exchange.Bearer,
		Token: secret.New(fmt.Sprintf("token-%d", w.granted)), IssuedAt: issued, ExpiresAt: issued.Add(w.lifetime),
		RequestID: fmt.Sprintf("req-%d", n)}, nil
}

func unavailable(step string, err error) error {
	return &exchange.Error{Provider: "anthropic", Step: step, Cause: exchange.Unavailable, Status: 503,
		Retries: exchange.RetryAlways, Err: err}
}

func refused() error {
	return &exchange.Error{Provider: "anthropic", Step: "exchange", Cause: exchange.Refused, Status: 401,
		Code: "invalid_grant", RequestID: "req-refused"}
}

// always fails every exchange in the same way.
func always(err error) func(int) error { return func(int) error { return err } }

// times fails the first n exchanges.
func first(n int, err error) func(int) error {
	return func(k int) error {
		if k <= n {
			return err
		}
		return nil
	}
}

type store struct{ w *world }

func (s store) Get(_ context.Context, key string) (exchange.Credential, bool, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	c, ok := s.w.entries[key]
	return c, ok, s.w.getErr
}

func (s store) Put(_ context.Context, key string, c exchange.Credential) error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.w.putErr != nil {
		return s.w.putErr
	}
	s.w.entries[key] = c
	return nil
}

func (s store) Delete(_ context.Context, key string) error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	delete(s.w.entries, key)
	return nil
}

type locker struct{ w *world }

func (l locker) Lock(ctx context.Context, key string) (func(), error) {
	l.w.mu.Lock()
	if l.w.lockErr != nil {
		defer l.w.mu.Unlock()
		return nil, l.w.lockErr
	}
	if l.w.locks[key] == nil {
		l.w.locks[key] = make(chan struct{}, 1)
	}
	ch := l.w.locks[key]
	l.w.mu.Unlock()
	select {
	case ch <- struct{}{}:
		return func() { <-ch }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("held by pid 7: %w", ctx.Err())
	}
}

type ledger struct{ w *world }

func (l ledger) Claim(_ context.Context, id string, _ time.Time) (bool, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if l.w.ledgerErr != nil {
		return false, l.w.ledgerErr
	}
	if l.w.ledger[id] {
		return false, nil
	}
	l.w.ledger[id] = true
	return true, nil
}

func (l ledger) Release(_ context.Context, id string) error {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	delete(l.w.ledger, id)
	l.w.released++
	return nil
}

type refusals struct{ w *world }

func (r refusals) Recent(_ context.Context, key string) (*exchange.Error, bool) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	e, ok := r.w.refusals[key]
	return e.e, ok && r.w.clock.Now().Sub(e.at) <= 5*time.Second
}

func (r refusals) Record(_ context.Context, key string, e *exchange.Error) error {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	r.w.refusals[key] = refusal{r.w.clock.Now(), e}
	return nil
}

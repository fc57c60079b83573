package tokensource

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Identity yields assertions. Implementations are safe for concurrent use.
type Identity interface {
	// Assertion returns an assertion for audience that is valid now: minted for
	// this call where the source can mint, re-read where it cannot. Errors are
	// *exchange.Error.
	Assertion(ctx context.Context, audience string) (exchange.Assertion, error)
	// Fingerprint names the identity without revealing a secret; two jobs never
	// share one. It must not mint.
	Fingerprint(ctx context.Context) (string, error)
}

// Exchanger turns an assertion into a credential, sending it at most once.
// Implementations are safe for concurrent use.
type Exchanger interface {
	// Audience is what the assertion must be minted for.
	Audience() string
	// Fingerprint names provider, endpoint and every parameter of the exchange.
	Fingerprint() string
	// SingleUse reports whether the provider takes this assertion only once.
	SingleUse(exchange.Assertion) bool
	// Exchange makes one request with the assertion. Errors are *exchange.Error.
	Exchange(ctx context.Context, a exchange.Assertion) (exchange.Credential, error)
}

// Preparer is an [Exchanger] that can begin the connection for its exchange while
// the assertion is still being minted. release is called when the exchange is over
// or will not come.
type Preparer interface {
	Prepare(ctx context.Context) (release func())
}

// Store keeps credentials under a key. Implementations are safe for concurrent
// use by goroutines and processes.
type Store interface {
	// Get returns the entry, false when there is none that can be trusted. An
	// entry whose clocks disagree comes back with the earlier expiry. An error
	// is for a store that must not be used; a damaged entry is absent.
	Get(ctx context.Context, key string) (exchange.Credential, bool, error)
	Put(ctx context.Context, key string, c exchange.Credential) error
	// Delete removes the entry; an absent one is no error.
	Delete(ctx context.Context, key string) error
}

// Locker gives one lock for each key to one process and one goroutine at a time.
type Locker interface {
	// Lock waits until it holds the lock or ctx ends. An error other than ctx's
	// means that locks do not work here; the caller goes on without.
	Lock(ctx context.Context, key string) (unlock func(), err error)
}

// Ledger remembers spent assertions across processes.
type Ledger interface {
	// Claim marks id as spent until the given time; first is false when it
	// already was.
	Claim(ctx context.Context, id string, until time.Time) (first bool, err error)
	// Release takes a claim back: no byte of the request was written.
	Release(ctx context.Context, id string) error
}

// Refusals shares a final refusal with whoever reaches the same lock within
// moments, so that a storm of processes does not repeat a refused exchange.
type Refusals interface {
	// Recent returns the refusal recorded for key if it is at most 5 s old.
	Recent(ctx context.Context, key string) (*exchange.Error, bool)
	Record(ctx context.Context, key string, e *exchange.Error) error
}

// Clock is time, injected.
type Clock interface {
	Now() time.Time
	// Boot is the time since boot with suspended time counted, 0 when the
	// platform has no such clock.
	Boot() time.Duration
	NewTimer(d time.Duration) Timer
}

// Timer is time.Timer behind an interface.
type Timer interface {
	C() <-chan time.Time
	Stop() bool
}

// Options configures a Source. The first three fields and Clock are required.
type Options struct {
	Provider  string // for messages
	Profile   string // for messages
	Identity  Identity
	Exchanger Exchanger
	Clock     Clock

	Store    Store    // nil: nothing is kept between calls of different processes
	Locker   Locker   // nil: no sharing across processes
	Ledger   Ledger   // nil: no assertion is claimed
	Refusals Refusals // nil: refusals are not shared

	Rand io.Reader // source of jitter; nil: crypto/rand
	// MinTTL is what a credential from the store must have left; 0: the smaller
	// of 2 min and a quarter of its lifetime.
	MinTTL time.Duration
	// Margin replaces that rule by one of the lifetime; nil: MinTTL or its default.
	Margin func(lifetime time.Duration) time.Duration
	// LockWait bounds the wait for another process; 0: until ctx ends.
	LockWait time.Duration
	// Attempt bounds one mint and exchange; 0: 30 s. An attempt never gets more
	// than half of the time that its context had.
	Attempt time.Duration
	// Key makes the store's key of the identity's and the exchanger's
	// fingerprint; nil: a SHA-256 over both with their lengths.
	Key func(parts ...string) string
	// StoreRequired makes a store that cannot be used a failure (an explicit
	// keyring); otherwise it is a warning.
	StoreRequired bool
	// KeepGoing lets Run go on when the first credential is refused for good.
	KeepGoing bool
	Log       *slog.Logger // nil: discard
	// Observe is told of each mint, exchange, refresh and refusal (audit and
	// metrics); nil: nobody is told.
	Observe func(Event)
}

// Event is one thing that happened on the way of a credential. It holds no secret.
type Event struct {
	Time      time.Time
	Kind      string // mint, exchange, refresh, refusal
	Refresh   string // for refresh: cold, ahead, mandatory, forced
	Outcome   string // ok, or the error's class
	Assertion exchange.Assertion
	Lifetime  time.Duration
	Duration  time.Duration
	RequestID string
	Err       error
}

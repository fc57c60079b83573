package cache

import (
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Label says whose credential a store keeps. None of it is secret; it is written
// into the entries for those who list them.
type Label struct {
	Provider string // an entry of another provider is absent; empty: any
	Profile  string
	Identity string // for people: a subject, or a fingerprint cut short
}

// Entry describes a stored credential without what makes it one.
type Entry struct {
	Key       string
	Store     string // file, keyring or memory
	Label     Label
	Kind      exchange.Kind
	IssuedAt  time.Time
	ExpiresAt time.Time // the earlier one where the clocks disagree
	Scope     string
	RequestID string
}

// Lifetime is what the provider granted.
func (e Entry) Lifetime() time.Duration { return e.ExpiresAt.Sub(e.IssuedAt) }

// record is an entry in memory: the credential, whose it is, and when it came.
type record struct {
	key   string
	label Label
	cred  exchange.Credential
	at    stamp // of cred.IssuedAt
}

// newRecord stamps a credential that was just granted. Its issue time is on the
// wall clock; the boot clock goes back by what has passed since.
func newRecord(key string, label Label, c exchange.Credential, now stamp) record {
	at := now
	at.Wall = c.IssuedAt.Round(0)
	if at.Boot > 0 {
		at.Boot = max(1, at.Boot-max(0, now.Wall.Sub(at.Wall)))
	}
	return record{key: key, label: label, cred: c, at: at}
}

// alive returns the credential as of now: its expiry by the clock that leaves
// less, its lifetime unchanged. It is false for one that has expired or that was
// issued at no time we can believe in.
func (r record) alive(s stamper) (exchange.Credential, bool) {
	c, ok := r.adjusted(s)
	return c, ok && c.ExpiresAt.After(s.clock.Now())
}

func (r record) adjusted(s stamper) (exchange.Credential, bool) {
	lifetime := r.cred.Lifetime()
	left, ok := s.left(r.at, lifetime)
	if !ok {
		return exchange.Credential{}, false
	}
	c := r.cred
	if byClock := s.clock.Now().Round(0).Add(left); byClock.Before(c.ExpiresAt.Add(-clockNoise)) {
		c.ExpiresAt = byClock
		c.IssuedAt = byClock.Add(-lifetime)
	}
	return c, true
}

// storable refuses what has no place in a store.
func storable(c exchange.Credential) error {
	if c.NoStore || c.Kind == exchange.APIKey || c.Lifetime() <= 0 {
		return storageError("cache", errNoExpiry)
	}
	return nil
}

func (r record) entry(store string, s stamper) (Entry, bool) {
	c, ok := r.adjusted(s)
	return Entry{
		Key: r.key, Store: store, Label: r.label, Kind: c.Kind,
		IssuedAt: c.IssuedAt, ExpiresAt: c.ExpiresAt, Scope: c.Scope, RequestID: c.RequestID,
	}, ok
}

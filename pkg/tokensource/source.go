package tokensource

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Source gives out the credential of one identity for one exchange.
//
// Without Run a caller gets a credential that has at least MinTTL left, from
// memory, from the store or newly exchanged; a failure is returned, and an older
// credential is never handed out in its place. While Run runs:
//
//	age of the credential      | a caller gets       | in the background      | a failure
//	---------------------------+---------------------+------------------------+---------------------------
//	none yet                   | waits               | one attempt at a time  | unavailable: again in 5-10 s;
//	                           |                     |                        | final: Run ends, or (KeepGoing)
//	                           |                     |                        | is returned, again in 60 s
//	to 65-75 % of its lifetime | it                  | nothing                |
//	from that random moment on | it                  | one attempt, at most   | unavailable: again in 5-10 s,
//	                           |                     | 10 s                   | other: in 60 s; callers see none
//	from 2 s before its end on | waits               | an attempt at once     | as above, and callers get it
//	refused by an upstream     | waits, gets the new | a forced attempt, not  | as above; callers get the old
//	                           | one                 | twice within 10 s      | one, and the upstream's answer
//
// Renewals are at least 10 s apart, whatever the lifetime.
type Source struct {
	o    Options
	log  *slog.Logger
	held atomic.Pointer[held] // nil when there is none

	mu       sync.Mutex
	flights  map[bool]*flight // by force
	rejected []exchange.Credential
	spent    map[string]time.Time // assertions sent by this process, by id
	said     map[string]bool      // warnings that are given once
	noStore  bool                 // the store has failed
	noLocks  bool                 // locks have failed
	run      runState

	subMu sync.Mutex
	subs  map[*func(exchange.Credential)]struct{}
}

// New checks o and returns every problem at once. It starts nothing.
func New(o Options) (*Source, error) {
	var problems []error
	if o.Identity == nil {
		problems = append(problems, errors.New("identity is required"))
	}
	if o.Exchanger == nil {
		problems = append(problems, errors.New("exchanger is required"))
	}
	if o.Clock == nil {
		problems = append(problems, errors.New("clock is required"))
	}
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"min ttl", o.MinTTL}, {"lock wait", o.LockWait}, {"attempt", o.Attempt}} {
		if d.d < 0 {
			problems = append(problems, errors.New(d.name+" is negative"))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Attempt == 0 {
		o.Attempt = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(Event) {}
	}
	if o.Key == nil {
		o.Key = digest
	}
	s := &Source{
		o:       o,
		log:     o.Log.With("profile", o.Profile, "provider", o.Provider),
		flights: map[bool]*flight{},
		spent:   map[string]time.Time{},
		said:    map[string]bool{},
		subs:    map[*func(exchange.Credential)]struct{}{},
	}
	s.run.changed = make(chan struct{})
	s.run.wake = make(chan struct{}, 1)
	return s, nil
}

// Key is the name of the credential in the store, for the lock and for refusals.
// A credential belongs to an identity: two identities never share a key.
func (s *Source) Key(ctx context.Context) (string, error) {
	identity, err := s.o.Identity.Fingerprint(ctx)
	if err != nil {
		return "", err
	}
	return s.o.Key(identity, s.o.Exchanger.Fingerprint()), nil
}

// digest is SHA-256 over parts, each with its length before it, so that two
// different lists never have the same preimage.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// warnOnce logs a warning the first time that it is given.
func (s *Source) warnOnce(msg string, args ...any) {
	s.mu.Lock()
	said := s.said[msg]
	s.said[msg] = true
	s.mu.Unlock()
	if !said {
		s.log.Warn(msg, args...)
	}
}

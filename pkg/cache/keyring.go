package cache

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

const (
	// keyringService is the name under which all items lie; the user of an item
	// is the key.
	keyringService = "awf-cred"
	// keyringWait bounds one call: a keyring that wants to ask somebody who is not
	// there waits for ever.
	keyringWait = 4 * time.Second
	// keyringRest is how long one that did not answer is not asked again.
	keyringRest = 30 * time.Second
)

// Backend is the system's keyring, or a stand-in. keyring.ErrNotFound means that
// there is no such item.
type Backend interface {
	Get(service, user string) (string, error)
	Set(service, user, secret string) error
	Delete(service, user string) error
	DeleteAll(service string) error
}

// KeyringOptions configures NewKeyring. Clock is required.
type KeyringOptions struct {
	Clock tokensource.Clock
	Label Label
	// Running is for a choice that was not made by the user: the keyring is only
	// used when its service runs already, and never started.
	Running bool
	// Wait bounds one call; 0: 4 s.
	Wait time.Duration
	// Getenv reads the environment, where the address of the session bus is
	// (Linux); nil: an empty one.
	Getenv func(string) string
	// Backend replaces the system's keyring.
	Backend Backend
	// BootID is as in Options.
	BootID func() string
}

// Keyring keeps credentials in the system's keyring: Secret Service, Keychain or
// Credential Manager. It never starts a session bus. Every call is bounded in
// time, and a store that is too small or locked is an error.
type Keyring struct {
	backend Backend
	clock   stamper
	label   Label
	wait    time.Duration
	busy    chan struct{} // one call at a time: one that hangs cannot pile up others

	mu    sync.Mutex
	rests time.Time // until then it is not asked: it did not answer
}

// NewKeyring looks whether there is a keyring; the error (ErrUnavailable) says why
// there is none.
func NewKeyring(ctx context.Context, o KeyringOptions) (*Keyring, error) {
	if o.Clock == nil {
		return nil, storageError("keyring", errors.New("a clock is required"))
	}
	if o.Wait == 0 {
		o.Wait = keyringWait
	}
	if o.BootID == nil {
		o.BootID = bootID
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	k := &Keyring{
		backend: o.Backend, clock: stamper{clock: o.Clock, bootID: o.BootID},
		label: o.Label, wait: o.Wait, busy: make(chan struct{}, 1),
	}
	if k.backend != nil {
		return k, nil
	}
	k.backend = systemKeyring{}
	err := k.call(ctx, func(ctx context.Context) error { return reachable(ctx, o.Getenv, o.Running) })
	if err != nil {
		return nil, err
	}
	return k, nil
}

// Get returns the entry of key while it lives; what is damaged or of another
// identity is absent.
func (k *Keyring) Get(ctx context.Context, key string) (exchange.Credential, bool, error) {
	r, ok, err := k.read(ctx, key)
	if err != nil || !ok {
		return exchange.Credential{}, false, err
	}
	c, ok := r.alive(k.clock)
	return c, ok, nil
}

// Lookup describes the entry of key, an expired one too.
func (k *Keyring) Lookup(ctx context.Context, key string) (Entry, bool, error) {
	r, ok, err := k.read(ctx, key)
	if err != nil || !ok {
		return Entry{}, false, err
	}
	e, ok := r.entry("keyring", k.clock)
	return e, ok, nil
}

func (k *Keyring) read(ctx context.Context, key string) (record, bool, error) {
	if err := checkKey(key); err != nil {
		return record{}, false, err
	}
	item := make(chan string, 1)
	err := k.call(ctx, func(context.Context) error {
		s, err := k.backend.Get(keyringService, key)
		item <- s
		return err
	})
	if errors.Is(err, keyring.ErrNotFound) {
		return record{}, false, nil
	}
	if err != nil {
		return record{}, false, err
	}
	r, ok := decodeRecord([]byte(<-item), key)
	if !ok || k.label.Provider != "" && r.cred.Provider != k.label.Provider {
		return record{}, false, nil
	}
	return r, true, nil
}

// Put replaces the entry of key.
func (k *Keyring) Put(ctx context.Context, key string, c exchange.Credential) error {
	if err := errors.Join(checkKey(key), storable(c)); err != nil {
		return err
	}
	data, err := newRecord(key, k.label, c, k.clock.now()).encode()
	if err != nil {
		return storageError("keyring", err)
	}
	if len(data) > keyringLimit {
		return storageError("keyring", fmt.Errorf("an item of %d bytes, at most %d fit: %w", len(data), keyringLimit, ErrTooLarge))
	}
	return k.call(ctx, func(context.Context) error { return k.backend.Set(keyringService, key, string(data)) })
}

// Delete removes the entry of key; an absent one is no error.
func (k *Keyring) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return ignoreAbsent(k.call(ctx, func(context.Context) error { return k.backend.Delete(keyringService, key) }))
}

// Clear removes all entries.
func (k *Keyring) Clear(ctx context.Context) error {
	return ignoreAbsent(k.call(ctx, func(context.Context) error { return k.backend.DeleteAll(keyringService) }))
}

func ignoreAbsent(err error) error {
	if errors.Is(err, keyring.ErrNotFound) {
		return nil
	}
	return err
}

// call makes one call of the keyring, which knows no context. When the time is
// over the connection is closed under it, which ends it; where that does not help
// it holds the only place, so that there is never more than one.
func (k *Keyring) call(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := k.clock.clock.NewTimer(k.wait)
	defer timer.Stop()
	late := func() error {
		return storageError("keyring", fmt.Errorf("no answer within %s: %w", k.wait, ErrUnavailable))
	}
	if k.resting() {
		return late()
	}
	select {
	case k.busy <- struct{}{}:
	case <-timer.C():
		return late()
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-k.busy }()
		done <- guarded(ctx, do)
	}()
	select {
	case err := <-done:
		return keyringError(err)
	case <-timer.C():
		k.rest()
		k.interrupt()
		return late()
	case <-ctx.Done():
		k.interrupt()
		return ctx.Err()
	}
}

func (k *Keyring) rest() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rests = k.clock.clock.Now().Add(keyringRest)
}

func (k *Keyring) resting() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.clock.clock.Now().Before(k.rests)
}

func (k *Keyring) interrupt() {
	if c, ok := k.backend.(interface{ Interrupt() }); ok {
		c.Interrupt()
	}
}

// guarded turns a panic into an error: the client library trusts the types of
// what a service answers.
func guarded(ctx context.Context, do func(context.Context) error) (err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("the answer makes no sense: %w", ErrUnavailable)
		}
	}()
	return do(ctx)
}

// keyringError keeps what is known about an error; a service's own words are
// quoted and cut.
func keyringError(err error) error {
	switch {
	case err == nil, errors.Is(err, keyring.ErrNotFound):
		return err
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return storageError("keyring", ErrTooLarge)
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.Canceled):
		return storageError("keyring", err)
	}
	text := err.Error()
	return storageError("keyring", fmt.Errorf("%w: %s", ErrUnavailable, strconv.Quote(text[:min(len(text), 200)])))
}

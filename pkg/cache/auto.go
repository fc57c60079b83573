package cache

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// Auto keeps credentials in the keyring while that works, else in files. What it
// took, and why, it says in one warning when it first stores something: looking
// something up says nothing.
type Auto struct {
	keyring *Keyring
	file    tokensource.Store
	log     *slog.Logger

	mu   sync.Mutex
	down error // why the keyring is not asked (any more)
	told bool
}

// NewAuto puts a keyring before a store of files. k may be nil; why then says the
// reason. file may be nil too: a keyring that fails is then an error. log may be
// nil.
func NewAuto(k *Keyring, why error, file tokensource.Store, log *slog.Logger) *Auto {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if k == nil && why == nil {
		why = storageError("keyring", ErrUnavailable)
	}
	return &Auto{keyring: k, file: file, log: log, down: why}
}

// Get looks in the keyring first: what is in a file although the keyring works
// was too large for it.
func (a *Auto) Get(ctx context.Context, key string) (exchange.Credential, bool, error) {
	if a.why() == nil {
		c, ok, err := a.keyring.Get(ctx, key)
		if ok || ctx.Err() != nil {
			return c, ok, err
		}
		a.fail(err)
	}
	if a.file == nil {
		return exchange.Credential{}, false, a.why()
	}
	return a.file.Get(ctx, key)
}

// Lookup describes the entry that Get would return, an expired one too.
func (a *Auto) Lookup(ctx context.Context, key string) (Entry, bool, error) {
	if a.why() == nil {
		e, ok, err := a.keyring.Lookup(ctx, key)
		if ok || ctx.Err() != nil {
			return e, ok, err
		}
		a.fail(err)
	}
	f, ok := a.file.(interface {
		Lookup(context.Context, string) (Entry, bool, error)
	})
	if !ok {
		return Entry{}, false, a.why()
	}
	return f.Lookup(ctx, key)
}

// Put stores in the keyring; if that fails, in a file.
func (a *Auto) Put(ctx context.Context, key string, c exchange.Credential) error {
	why := a.why()
	if why == nil {
		why = a.keyring.Put(ctx, key, c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if why == nil {
			a.tell("keyring", nil)
			if a.file != nil {
				// An older one in a file would come to light if the keyring failed.
				_ = a.file.Delete(ctx, key)
			}
			return nil
		}
		if errors.Is(why, ErrTooLarge) {
			// An older one in the keyring would hide the one in the file.
			_ = a.keyring.Delete(ctx, key)
		} else {
			a.fail(why)
		}
	}
	if a.file == nil {
		return why
	}
	a.tell("file", why)
	return a.file.Put(ctx, key, c)
}

// Delete removes the entry of key from both.
func (a *Auto) Delete(ctx context.Context, key string) error {
	var errs []error
	if a.why() == nil {
		errs = append(errs, a.keyring.Delete(ctx, key))
	}
	if a.file != nil {
		errs = append(errs, a.file.Delete(ctx, key))
	}
	return errors.Join(errs...)
}

func (a *Auto) why() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.down
}

// fail takes the keyring out of use: it costs seconds each time.
func (a *Auto) fail(err error) {
	if err == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down = err
}

func (a *Auto) tell(store string, reason error) {
	a.mu.Lock()
	told := a.told
	a.told = true
	a.mu.Unlock()
	switch {
	case told:
	case reason == nil:
		a.log.Warn("the cache is kept in the keyring", "store", store)
	default:
		a.log.Warn("the cache is kept in files, the keyring is not used", "store", store, "reason", reason)
	}
}

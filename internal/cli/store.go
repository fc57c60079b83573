package cli

import (
	"context"
	"errors"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/pkg/cache"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// fillStores opens the cache directory and what lives in it. One that cannot be
// used is a warning, and a token all the same. The ledger is in it whatever the
// store; lock and refusals are for stores that processes share.
func (a *app) fillStores(ctx context.Context, w *wired, how wiring, o *tokensource.Options) error {
	store := w.Profile.Cache
	if how.Store != "" {
		store = how.Store
	}
	label := cache.Label{Provider: w.Provider.Name, Profile: w.Profile.Name, Identity: w.identityLabel(ctx)}
	dir, err := a.openCache(how.Look)
	switch {
	case err != nil && how.Strict:
		return err
	case err != nil:
		if !how.Look { // whoever only looks reports it as the answer
			a.log.Warn("cache directory is not used", "reason", err)
		}
	default:
		o.Ledger = dir.Ledger()
	}
	switch store {
	case "none":
		return nil
	case "memory":
		o.Store = cache.NewMemory(a.sys.Clock, label)
		return nil
	}
	if dir != nil {
		o.Locker, o.Refusals = dir.Locker(), dir.Refusals()
	}
	return a.fillShared(ctx, w.Profile, store, dir, label, o)
}

// fillShared is the store that processes share: files, or the keyring where it
// was asked for.
func (a *app) fillShared(ctx context.Context, p *config.Profile, store string, dir *cache.Directory, label cache.Label, o *tokensource.Options) error {
	var files tokensource.Store
	if dir != nil {
		files = dir.Files(label)
	}
	if store == "file" {
		o.Store = files
		return nil
	}
	keyring, err := cache.NewKeyring(ctx, cache.KeyringOptions{
		Clock: a.sys.Clock, Label: label, Running: store == "auto", Getenv: a.env,
	})
	if store == "auto" {
		o.Store = cache.NewAuto(keyring, err, files, a.log)
		return nil
	}
	if err != nil {
		return keyringError(p.CacheOrigin, err)
	}
	o.Store, o.StoreRequired = keyring, true
	return nil
}

// keyringError adds what helps: the choice was the user's.
func keyringError(chosen config.Origin, err error) error {
	return withHint(err, "choose another store ("+chosen.String()+"): --cache file or --cache auto")
}

// withHint gives an error a next step where it has none.
func withHint(err error, hint string) error {
	var typed *exchange.Error
	if !errors.As(err, &typed) || typed.Hint != "" {
		return err
	}
	hinted := *typed
	hinted.Hint = hint
	return &hinted
}

// openCache opens the cache directory of the configuration.
func (a *app) openCache(look bool) (*cache.Directory, error) {
	dir := a.cfg.Global.CacheDir
	if dir == "" {
		return nil, &exchange.Error{Step: "cache", Cause: exchange.Storage,
			Description: "no directory for it is known: " + a.cfg.Global.CacheReason, Hint: "name one with --cache-dir or AWF_CRED_CACHE_DIR"}
	}
	o := cache.Options{Dir: dir, Clock: a.sys.Clock, Look: look}
	if a.inRunnerTemp(dir) {
		o.Lender = a.lender()
	}
	if a.cfg.Global.Settings["cache_dir"].Origin.Kind == config.FromDefault {
		o.MayMake = 2 // a home or temporary folder that does not exist is not made
	}
	opened, err := cache.Open(o)
	return opened, withHint(err, "name another directory with --cache-dir or AWF_CRED_CACHE_DIR")
}

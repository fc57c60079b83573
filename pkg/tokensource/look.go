package tokensource

import (
	"context"
	"errors"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// look asks the store. A store that fails is not asked again.
func (s *Source) look(ctx context.Context, key string) (exchange.Credential, bool, error) {
	if s.o.Store == nil || s.storeFailed() {
		return exchange.Credential{}, false, nil
	}
	c, found, err := s.o.Store.Get(ctx, key)
	if err != nil {
		return exchange.Credential{}, false, s.storeTrouble(ctx, "cache cannot be used", err)
	}
	return c, found, nil
}

// keep stores a new credential.
func (s *Source) keep(ctx context.Context, key string, c exchange.Credential) error {
	if s.o.Store == nil || c.NoStore || c.Kind == exchange.APIKey || s.storeFailed() {
		return nil
	}
	if err := s.o.Store.Put(ctx, key, c); err != nil {
		return s.storeTrouble(ctx, "credential was not cached", err)
	}
	return nil
}

func (s *Source) storeFailed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.noStore
}

// storeTrouble turns a store's failure into a warning, or into an error where the
// store was asked for by name. Only Get condemns a store: a full disk may have
// room again.
func (s *Source) storeTrouble(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return nil // not the store's fault; the caller meets the context's end
	}
	if s.o.StoreRequired {
		if e := (*exchange.Error)(nil); errors.As(err, &e) {
			return err
		}
		return &exchange.Error{Provider: s.o.Provider, Step: "cache", Cause: exchange.Storage, Err: err}
	}
	if what == "cache cannot be used" && !s.running() { // a server asks again each time: it may have been a moment's trouble
		s.mu.Lock()
		s.noStore = true
		s.mu.Unlock()
	}
	s.warnOnce(what, "reason", err)
	return nil
}

package tokensource

import (
	"context"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Static is a source that always gives the same credential: a static key. It has
// the methods of a Source and nothing to renew.
type Static struct{ c exchange.Credential }

// NewStatic returns a source of c.
func NewStatic(c exchange.Credential) *Static { return &Static{c} }

// Credential returns the key.
func (s *Static) Credential(context.Context) (exchange.Credential, error) { return s.c, nil }

// Invalidate does nothing: there is no other key.
func (s *Static) Invalidate(exchange.Credential) {}

// Run waits for the end of ctx.
func (s *Static) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Held returns the key.
func (s *Static) Held() (c exchange.Credential, left time.Duration, ok bool) {
	return s.c, forever, true
}

// Subscribe calls f with the key, once.
func (s *Static) Subscribe(f func(exchange.Credential)) (stop func()) {
	f(s.c)
	return func() {}
}

package cache_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/cache"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// The interfaces that package tokensource declares.
var (
	_ tokensource.Store    = (*cache.File)(nil)
	_ tokensource.Store    = (*cache.Memory)(nil)
	_ tokensource.Store    = (*cache.Keyring)(nil)
	_ tokensource.Store    = (*cache.Auto)(nil)
	_ tokensource.Locker   = (*cache.Locker)(nil)
	_ tokensource.Ledger   = (*cache.Ledger)(nil)
	_ tokensource.Refusals = (*cache.Refusals)(nil)
)

// testClock is a clock that tests move by hand; its timers are real.
type testClock struct {
	mu   sync.Mutex
	wall time.Time
	boot time.Duration
}

func newClock() *testClock {
	return &testClock{wall: time.Now(), boot: 1000 * time.Hour}
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall
}

func (c *testClock) Boot() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.boot
}

func (c *testClock) NewTimer(d time.Duration) tokensource.Timer { return realTimer{time.NewTimer(d)} }

type realTimer struct{ t *time.Timer }

func (t realTimer) C() <-chan time.Time { return t.t.C }
func (t realTimer) Stop() bool          { return t.t.Stop() }

// pass lets time pass on both clocks.
func (c *testClock) pass(d time.Duration) { c.move(d, d) }

func (c *testClock) move(wall, boot time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.boot = c.wall.Add(wall), c.boot+boot
}

const (
	providerName = "anthropic"
	otherName    = "openai"
)

var key = cache.Key("identity", "exchanger")

func label() cache.Label {
	return cache.Label{Provider: providerName, Profile: "review", Identity: "repo:octo/app:ref:refs/heads/main"}
}

func bearer(c *testClock, token string, lifetime time.Duration) exchange.Credential {
	now := c.Now()
	return exchange.Credential{
		Provider: providerName, Kind: exchange.Bearer, Token: secret.New(token),
		IssuedAt: now, ExpiresAt: now.Add(lifetime), Scope: "user:inference", RequestID: "req_1",
	}
}

func open(t *testing.T, c *testClock, path string) *cache.Directory {
	t.Helper()
	dir, err := cache.Open(cache.Options{Dir: path, Clock: c, BootID: func() string { return "boot-1" }})
	require.NoError(t, err)
	return dir
}

func put(t *testing.T, s tokensource.Store, key string, c exchange.Credential) {
	t.Helper()
	require.NoError(t, s.Put(context.Background(), key, c))
}

func get(t *testing.T, s tokensource.Store, key string) (exchange.Credential, bool) {
	t.Helper()
	c, ok, err := s.Get(context.Background(), key)
	require.NoError(t, err)
	return c, ok
}

package cache_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/awf-cred/awf-cred/internal/clock"
	"github.com/awf-cred/awf-cred/pkg/cache"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

func Example() {
	ctx := context.Background()
	temp, err := os.MkdirTemp("", "awf-cred-example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(temp) }()

	dir, err := cache.Open(cache.Options{Dir: filepath.Join(temp, "cache"), Clock: clock.System{}})
	if err != nil {
		fmt.Println("going on without a cache:", err)
		return
	}
	store := dir.Files(cache.Label{Provider: "anthropic", Profile: "review", Identity: "repo:octo/app"})
	key := cache.Key("fingerprint of the identity", "fingerprint of the exchange")

	unlock, err := dir.Locker().Lock(ctx, key)
	if err != nil {
		fmt.Println("going on without a lock:", err)
		return
	}
	if _, found, _ := store.Get(ctx, key); !found {
		now := time.Now()
		err = store.Put(ctx, key, exchange.Credential{
			Provider: "anthropic", Kind: exchange.Bearer, Token: secret.New("granted"),
			IssuedAt: now, ExpiresAt: now.Add(time.Hour),
		})
	}
	unlock()

	credential, found, _ := store.Get(ctx, key)
	fmt.Println(found, credential.Token, err)
	entries, _ := dir.List(ctx)
	fmt.Println(entries[0].Label.Profile, entries[0].Lifetime())
	// Output:
	// true (redacted) <nil>
	// review 1h0m0s
}

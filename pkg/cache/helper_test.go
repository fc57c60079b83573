package cache_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/awf-cred/awf-cred/internal/clock"
	"github.com/awf-cred/awf-cred/pkg/cache"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/test/secretservice"
)

const helperVariable = "AWF_CRED_CACHE_TEST_HELPER"

// TestMain makes this binary a second process for the tests that need one.
func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) != "" {
		if err := runHelper(os.Args[1:]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Println(err)
		code = 1
	}
	os.Exit(code)
}

// helper is a command that runs this binary, or something that does, as a helper.
func helper(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	// A binary with the race detector sleeps for a second before it exits.
	cmd.Env = append(os.Environ(), helperVariable+"=1", "GORACE=atexit_sleep_ms=0")
	return cmd
}

func self(t *testing.T, args ...string) *exec.Cmd { t.Helper(); return helper(t, os.Args[0], args...) }

func runHelper(args []string) error {
	ctx := context.Background()
	switch args[0] {
	case "secretservice": // ADDRESS BEHAVIOUR
		return secretservice.Run(ctx, args[1], secretservice.Behaviour(args[2]), func() { fmt.Println("ready") })
	case "keyring": // VERB [TOKEN]
		return useKeyring(ctx, args[1], args[2:])
	}
	d, err := cache.Open(cache.Options{Dir: args[1], Clock: clock.System{}})
	if err != nil {
		return err
	}
	switch args[0] {
	case "put": // DIR TOKEN: an entry and a claim
		if _, err := d.Ledger().Claim(ctx, args[2], time.Now().Add(time.Minute)); err != nil {
			return err
		}
		if err := d.Files(label()).Put(ctx, key, granted(args[2])); err != nil {
			return err
		}
		fmt.Println("put")
	case "get": // DIR: the token, or "absent"
		c, ok, err := d.Files(label()).Get(ctx, key)
		if err != nil {
			return err
		}
		if !ok {
			fmt.Println("absent")
			return nil
		}
		fmt.Println(c.Token.Reveal())
	case "hold": // DIR: the lock, until standard input ends
		unlock, err := d.Locker().Lock(ctx, key)
		if err != nil {
			return err
		}
		fmt.Println("held", os.Getpid())
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		unlock()
	case "lock": // DIR: lock and unlock
		unlock, err := d.Locker().Lock(ctx, key)
		if err != nil {
			return err
		}
		unlock()
		fmt.Println("locked")
	case "storm": // DIR TOKEN: what a token source does, the exchange being a mark
		return storm(ctx, d, args[2])
	default:
		return fmt.Errorf("no helper %q", args[0])
	}
	return nil
}

func granted(token string) exchange.Credential {
	now := time.Now()
	return exchange.Credential{
		Provider: providerName, Kind: exchange.Bearer, Token: secret.New(token), IssuedAt: now, ExpiresAt: now.Add(time.Hour),
	}
}

func storm(ctx context.Context, d *cache.Directory, token string) error {
	s := d.Files(label())
	unlock, err := d.Locker().Lock(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	c, ok, err := s.Get(ctx, key)
	if err != nil {
		return err
	}
	how := "shared"
	if !ok {
		how, c = "exchanged", granted(token)
		if err := s.Put(ctx, key, c); err != nil {
			return err
		}
	}
	fmt.Println(how, c.Token.Reveal())
	return nil
}

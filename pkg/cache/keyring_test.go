package cache_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zalando/go-keyring"

	"github.com/awf-cred/awf-cred/pkg/cache"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// fakeKeyring is a keyring in memory; before is called before each call.
type fakeKeyring struct {
	mu     sync.Mutex
	items  map[string]string
	before func() error
}

func newFakeKeyring() *fakeKeyring { return &fakeKeyring{items: map[string]string{}} }

func (f *fakeKeyring) start() (unlock func(), err error) {
	f.mu.Lock()
	before := f.before
	f.mu.Unlock()
	if before != nil {
		if err := before(); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	return f.mu.Unlock, nil
}

func (f *fakeKeyring) fails(before func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = before
}

func (f *fakeKeyring) Get(service, user string) (string, error) {
	done, err := f.start()
	if err != nil {
		return "", err
	}
	defer done()
	s, ok := f.items[service+"/"+user]
	if !ok {
		return "", keyring.ErrNotFound
	}
	return s, nil
}

func (f *fakeKeyring) Set(service, user, secret string) error {
	done, err := f.start()
	if err != nil {
		return err
	}
	defer done()
	f.items[service+"/"+user] = secret
	return nil
}

func (f *fakeKeyring) Delete(service, user string) error {
	done, err := f.start()
	if err != nil {
		return err
	}
	defer done()
	if _, ok := f.items[service+"/"+user]; !ok {
		return keyring.ErrNotFound
	}
	delete(f.items, service+"/"+user)
	return nil
}

func (f *fakeKeyring) DeleteAll(service string) error {
	done, err := f.start()
	if err != nil {
		return err
	}
	defer done()
	for name := range f.items {
		if strings.HasPrefix(name, service+"/") {
			delete(f.items, name)
		}
	}
	return nil
}

func newKeyring(t *testing.T, c *testClock, f *fakeKeyring, wait time.Duration) *cache.Keyring {
	t.Helper()
	k, err := cache.NewKeyring(context.Background(), cache.KeyringOptions{Clock: c, Label: label(), Backend: f, Wait: wait})
	require.NoError(t, err)
	return k
}

func TestAKeyringThatFailsIsAStorageErrorWithinItsBound(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	for _, row := range []struct {
		name   string
		before func() error
	}{
		{"F171: a locked one", func() error { return errors.New("failed to unlock correct collection '/x'") }},
		{"F172: one that never answers", func() error { <-hang; return nil }},
		{"F172: one whose answer has another type", func() error { var v any = 1; _ = v.(string); return nil }},
		{"one that answers with control bytes", func() error { return errors.New("x\n::set-env\x1b[2J" + strings.Repeat("y", 1000)) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			clock, fake := newClock(), newFakeKeyring()
			k := newKeyring(t, clock, fake, 50*time.Millisecond)
			fake.fails(row.before)
			_, _, err := k.Get(context.Background(), key)
			require.ErrorIs(t, err, exchange.Storage)
			require.ErrorIs(t, err, cache.ErrUnavailable)
			assert.NotContains(t, err.Error(), "\n")
			assert.NotContains(t, err.Error(), "\x1b")
			assert.Less(t, len(err.Error()), 400)
			err = k.Put(context.Background(), key, bearer(clock, "t", time.Hour))
			require.ErrorIs(t, err, exchange.Storage)
		})
	}
}

func TestACallThatHangsIsNeverJoinedByAnother(t *testing.T) {
	t.Parallel()
	clock, fake, hang := newClock(), newFakeKeyring(), make(chan struct{})
	k := newKeyring(t, clock, fake, 20*time.Millisecond)
	var mu sync.Mutex
	calls := 0
	fake.fails(func() error {
		mu.Lock()
		calls++
		mu.Unlock()
		<-hang
		return nil
	})
	for i := range 8 {
		_, _, err := k.Get(context.Background(), key)
		require.ErrorIs(t, err, cache.ErrUnavailable)
		if i == 4 {
			clock.pass(time.Minute) // until now it was not even asked
		}
	}
	mu.Lock()
	assert.Equal(t, 1, calls)
	mu.Unlock()
	fake.fails(nil)
	close(hang)
	clock.pass(time.Minute)
	require.Eventually(t, func() bool {
		_, _, err := k.Get(context.Background(), key)
		return err == nil
	}, 10*time.Second, 10*time.Millisecond, "it works again when the call has ended")
}

func TestAKeyringItemThatWasTamperedWithIsAbsent(t *testing.T) {
	t.Parallel()
	clock, fake := newClock(), newFakeKeyring()
	k := newKeyring(t, clock, fake, 0)
	put(t, k, key, bearer(clock, "token", time.Hour))
	whole := fake.items["awf-cred/"+key]
	for name, item := range map[string]string{
		"cut": whole[:len(whole)/2], "empty": "", "another version": strings.Replace(whole, `"version":1`, `"version":9`, 1),
		"another identity": strings.ReplaceAll(whole, key, cache.Key("other")), "changed": strings.Replace(whole, "token", "tokem", 1),
	} {
		fake.items["awf-cred/"+key] = item
		_, ok := get(t, k, key)
		assert.False(t, ok, "F174: %s", name)
	}
}

func TestAnItemThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	clock := newClock()
	k := newKeyring(t, clock, newFakeKeyring(), 0)
	err := k.Put(context.Background(), key, bearer(clock, strings.Repeat("t", 4096), time.Hour))
	require.ErrorIs(t, err, cache.ErrTooLarge)
	require.ErrorIs(t, err, exchange.Storage)
}

func TestAutoFallsBackToFilesAndSaysSoOnce(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		setup func(*fakeKeyring)
		token string
		said  string
	}{
		{"a keyring that works is taken", func(*fakeKeyring) {}, "t", "store=keyring"},
		{"F171: a locked one", func(f *fakeKeyring) { f.fails(func() error { return errors.New("locked") }) }, "t", "store=file"},
		{"F173: a value too large for it", func(*fakeKeyring) {}, strings.Repeat("t", 5000), "store=file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			clock, fake := newClock(), newFakeKeyring()
			var log bytes.Buffer
			file := open(t, clock, filepath.Join(t.TempDir(), "cache")).Files(label())
			a := cache.NewAuto(newKeyring(t, clock, fake, 0), nil, file, slog.New(slog.NewTextHandler(&log, nil)))
			row.setup(fake)
			_, ok := get(t, a, key)
			assert.False(t, ok)
			assert.Empty(t, log.String(), "a look says nothing")
			for range 2 {
				put(t, a, key, bearer(clock, row.token, time.Hour))
			}
			assert.Equal(t, 1, strings.Count(log.String(), "level=WARN"))
			assert.Contains(t, log.String(), row.said)
			c, ok := get(t, a, key)
			require.True(t, ok)
			assert.Equal(t, row.token, c.Token.Reveal())
		})
	}
}

func TestClearTakesEverythingOfOursOutOfTheKeyring(t *testing.T) {
	t.Parallel()
	clock, fake := newClock(), newFakeKeyring()
	fake.items["browser/x"] = "theirs"
	k := newKeyring(t, clock, fake, 0)
	put(t, k, key, bearer(clock, "t", time.Hour))
	put(t, k, cache.Key("other"), bearer(clock, "t", time.Hour))
	require.NoError(t, k.Clear(context.Background()))
	assert.Equal(t, map[string]string{"browser/x": "theirs"}, fake.items)
	require.NoError(t, k.Clear(context.Background()))
}

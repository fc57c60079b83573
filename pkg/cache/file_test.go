package cache_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/cache"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

func entryPath(d *cache.Directory) string { return filepath.Join(d.Path(), key+".json") }

func stores(t *testing.T, c *testClock) map[string]tokensource.Store {
	t.Helper()
	k, err := cache.NewKeyring(context.Background(), cache.KeyringOptions{Clock: c, Label: label(), Backend: newFakeKeyring()})
	require.NoError(t, err)
	return map[string]tokensource.Store{
		"file":    open(t, c, filepath.Join(t.TempDir(), "cache")).Files(label()),
		"memory":  cache.NewMemory(c, label()),
		"keyring": k,
		"auto": cache.NewAuto(nil, nil,
			open(t, c, filepath.Join(t.TempDir(), "cache")).Files(label()), nil),
	}
}

func TestEveryStoreGivesBackWhatWasPutUntilItExpires(t *testing.T) {
	t.Parallel()
	clock := newClock()
	aws := exchange.Credential{
		Provider: providerName, Kind: exchange.AWS, IssuedAt: clock.Now(), ExpiresAt: clock.Now().Add(time.Hour),
		AWS: &exchange.AWSKeys{
			AccessKeyID: secret.New("ASIAEXAMPLE"), SecretAccessKey: secret.New("secret/key+1="), SessionToken: secret.New("session=="),
		},
	}
	for name, s := range stores(t, clock) {
		_, ok := get(t, s, key)
		assert.False(t, ok, "%s: an empty store has nothing", name)

		want := bearer(clock, "first", time.Hour)
		put(t, s, key, want)
		got, ok := get(t, s, key)
		require.True(t, ok, name)
		assert.True(t, want.Same(got), name)
		assert.Equal(t, want.Scope, got.Scope, name)
		assert.Equal(t, want.RequestID, got.RequestID, name)
		assert.True(t, want.IssuedAt.Equal(got.IssuedAt), name)
		assert.True(t, want.ExpiresAt.Equal(got.ExpiresAt), name)

		put(t, s, key, aws)
		got, ok = get(t, s, key)
		require.True(t, ok, name)
		assert.True(t, aws.Same(got), "%s: the newer one replaces the older", name)

		_, ok = get(t, s, cache.Key("other", "exchanger"))
		assert.False(t, ok, "%s: another key is another entry", name)

		require.NoError(t, s.Delete(context.Background(), key))
		require.NoError(t, s.Delete(context.Background(), key), "%s: an absent entry is no error", name)
		_, ok = get(t, s, key)
		assert.False(t, ok, name)
	}
}

func TestOnlyACredentialThatExpiresIsStored(t *testing.T) {
	t.Parallel()
	clock := newClock()
	for name, s := range stores(t, clock) {
		static := exchange.Credential{Provider: providerName, Kind: exchange.APIKey, Token: secret.New("key")}
		assert.ErrorIs(t, s.Put(context.Background(), key, static), exchange.Storage, name)
		once := bearer(clock, "t", time.Hour)
		once.NoStore = true
		assert.ErrorIs(t, s.Put(context.Background(), key, once), exchange.Storage, name)
	}
}

func TestAnEntryLiesInAPrivateFileWithItsTokenInClear(t *testing.T) {
	t.Parallel()
	clock := newClock()
	d := open(t, clock, filepath.Join(t.TempDir(), "a", "b", "cache"))
	put(t, d.Files(label()), key, bearer(clock, "sk-ant-oat01-token", time.Hour))

	data, err := os.ReadFile(entryPath(d))
	require.NoError(t, err)
	var doc struct {
		Version int
		SHA256  string
		Body    struct {
			Key, Provider, Profile, Token string
		}
	}
	require.NoError(t, json.Unmarshal(data, &doc))
	assert.Equal(t, 1, doc.Version)
	assert.Len(t, doc.SHA256, 64)
	assert.Equal(t, key, doc.Body.Key)
	assert.Equal(t, "review", doc.Body.Profile)
	assert.Equal(t, "sk-ant-oat01-token", doc.Body.Token)
}

func TestADamagedEntryIsAbsent(t *testing.T) {
	t.Parallel()
	clock := newClock()
	d := open(t, clock, filepath.Join(t.TempDir(), "cache"))
	s := d.Files(label())
	want := bearer(clock, "token", time.Hour)
	put(t, s, key, want)
	whole, err := os.ReadFile(entryPath(d))
	require.NoError(t, err)

	write := func(data []byte) {
		require.NoError(t, os.WriteFile(entryPath(d), data, 0o600))
	}
	t.Run("F060: cut at every byte", func(t *testing.T) {
		for n := range whole[:len(whole)-1] { // without its last newline it is whole
			write(whole[:n])
			if c, ok := get(t, s, key); ok {
				assert.True(t, want.Same(c) && n == len(whole)-1, "cut at %d", n)
			}
		}
	})
	t.Run("F061: every bit flipped, never another token", func(t *testing.T) {
		kept := 0
		for i := range 8 * len(whole) {
			flipped := bytes.Clone(whole)
			flipped[i/8] ^= 1 << (i % 8)
			write(flipped)
			if c, ok := get(t, s, key); ok {
				kept++
				require.True(t, want.Same(c), "bit %d", i)
				require.True(t, want.ExpiresAt.Equal(c.ExpiresAt), "bit %d", i)
			}
		}
		assert.Less(t, kept, 64, "only the letter case of three names and a blank may change")
	})
	for name, data := range map[string][]byte{
		"empty": {}, "0xFF": bytes.Repeat([]byte{0xff}, 100), "an array": []byte("[]"), "null": []byte("null"),
		"a newer version":    bytes.Replace(whole, []byte(`"version":1`), []byte(`"version":2`), 1),
		"version 0":          bytes.Replace(whole, []byte(`"version":1`), []byte(`"version":0`), 1),
		"two documents":      append(bytes.Clone(whole), whole...),
		"more than 64 KiB":   append(bytes.Clone(whole), bytes.Repeat([]byte(" "), 64<<10)...),
		"a body that is one": bytes.Replace(whole, []byte(`"body":{`), []byte(`"body":1,"x":{`), 1),
	} {
		t.Run(name, func(t *testing.T) {
			write(data)
			_, ok := get(t, s, key)
			assert.False(t, ok)
			put(t, s, key, want)
			_, ok = get(t, s, key)
			assert.True(t, ok, "the next writer replaces it")
		})
	}
}

func TestAForeignEntryIsAbsent(t *testing.T) {
	t.Parallel()
	clock := newClock()
	d := open(t, clock, filepath.Join(t.TempDir(), "cache"))
	other := cache.Key("another identity", "exchanger")
	put(t, d.Files(label()), other, bearer(clock, "theirs", time.Hour))
	require.NoError(t, os.Rename(filepath.Join(d.Path(), other+".json"), entryPath(d)))
	_, ok := get(t, d.Files(label()), key)
	assert.False(t, ok, "F063: another key under our name")

	put(t, d.Files(label()), key, bearer(clock, "t", time.Hour))
	_, ok = get(t, d.Files(cache.Label{Provider: otherName}), key)
	assert.False(t, ok, "F063: another provider's")
}

func TestTheNextWriterTidiesUp(t *testing.T) {
	t.Parallel()
	clock := newClock()
	d := open(t, clock, filepath.Join(t.TempDir(), "cache"))
	s := d.Files(label())
	stale, alive := cache.Key("stale"), cache.Key("alive")
	put(t, s, stale, bearer(clock, "t", time.Minute))
	put(t, s, alive, bearer(clock, "t", time.Hour))
	foreign := filepath.Join(d.Path(), "notes.json.txt")
	temp := filepath.Join(d.Path(), "."+stale+".json.ABCDEFGHIJKL.tmp")
	require.NoError(t, os.WriteFile(foreign, nil, 0o600))
	require.NoError(t, os.WriteFile(temp, []byte("half"), 0o600))
	require.NoError(t, d.Refusals().Record(context.Background(), stale, &exchange.Error{Cause: exchange.Refused}))
	clock.pass(2 * time.Minute)

	put(t, s, key, bearer(clock, "t", time.Hour))
	names, err := os.ReadDir(d.Path())
	require.NoError(t, err)
	var left []string
	for _, n := range names {
		left = append(left, n.Name())
	}
	assert.ElementsMatch(t, []string{key + ".json", alive + ".json", "notes.json.txt"}, left, "F074")
}

func TestNoMessageHoldsTheToken(t *testing.T) {
	t.Parallel()
	clock := newClock()
	d := open(t, clock, filepath.Join(t.TempDir(), "cache"))
	bad := bearer(clock, "canary with a blank\n", time.Hour)
	err := d.Files(label()).Put(context.Background(), key, bad)
	require.ErrorIs(t, err, exchange.Storage)
	assert.NotContains(t, err.Error(), "canary")
	big := bearer(clock, strings.Repeat("c", 70<<10), time.Hour)
	err = d.Files(label()).Put(context.Background(), key, big)
	require.ErrorIs(t, err, cache.ErrTooLarge)
	assert.Less(t, len(err.Error()), 200)
}

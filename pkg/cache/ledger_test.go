package cache_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

func TestAnAssertionIsClaimedOnce(t *testing.T) {
	t.Parallel()
	ctx, clock := context.Background(), newClock()
	d := open(t, clock, filepath.Join(t.TempDir(), "c"))
	until := clock.Now().Add(5 * time.Minute)
	for _, id := range []string{strings.Repeat("ab", 32), "a jti with / and ..\n", ""} {
		var firsts atomic.Int32
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				first, err := d.Ledger().Claim(ctx, id, until)
				if assert.NoError(t, err) && first {
					firsts.Add(1)
				}
			})
		}
		wg.Wait()
		assert.EqualValues(t, 1, firsts.Load(), "%q", id)

		require.NoError(t, d.Ledger().Release(ctx, id))
		first, err := d.Ledger().Claim(ctx, id, until)
		require.NoError(t, err)
		assert.True(t, first, "a claim that was released is free again")
	}
	names, err := filepath.Glob(filepath.Join(d.Path(), "ledger", "*"))
	require.NoError(t, err)
	require.Len(t, names, 3)
	for _, name := range names {
		assert.Len(t, filepath.Base(name), 32, "errors name the file, and no digest is printed whole")
	}
}

func TestTheLedgerSurvivesACacheClearAndForgetsThePast(t *testing.T) {
	t.Parallel()
	ctx, clock := context.Background(), newClock()
	d := open(t, clock, filepath.Join(t.TempDir(), "c"))
	_, err := d.Ledger().Claim(ctx, "past", clock.Now().Add(5*time.Minute))
	require.NoError(t, err)
	dead := filepath.Join(d.Path(), "ledger", strings.Repeat("0", 64))
	require.NoError(t, os.WriteFile(dead, nil, 0o600))
	put(t, d.Files(label()), key, bearer(clock, "t", time.Hour))

	removed, err := d.Clear(ctx)
	require.NoError(t, err)
	assert.Equal(t, 1, removed)
	first, err := d.Ledger().Claim(ctx, "past", clock.Now().Add(5*time.Minute))
	require.NoError(t, err)
	assert.False(t, first)

	clock.pass(14 * time.Minute)
	_, err = d.Ledger().Claim(ctx, "second", clock.Now().Add(time.Minute))
	require.NoError(t, err)
	first, err = d.Ledger().Claim(ctx, "past", clock.Now())
	require.NoError(t, err)
	assert.False(t, first, "a vendor's clock may be slow")

	clock.pass(2 * time.Minute)
	_, err = d.Ledger().Claim(ctx, "third", clock.Now().Add(time.Minute))
	require.NoError(t, err)
	assert.FileExists(t, dead, "a claim without a time is kept for a day")
	files, err := os.ReadDir(filepath.Join(d.Path(), "ledger"))
	require.NoError(t, err)
	assert.Len(t, files, 3, "past is gone")

	clock.pass(25 * time.Hour)
	_, err = d.Ledger().Claim(ctx, "fourth", clock.Now().Add(time.Minute))
	require.NoError(t, err)
	files, err = os.ReadDir(filepath.Join(d.Path(), "ledger"))
	require.NoError(t, err)
	assert.Len(t, files, 1)
}

func TestALedgerThatCannotBeWrittenIsAStorageError(t *testing.T) {
	t.Parallel()
	ctx, clock := context.Background(), newClock()
	d := open(t, clock, filepath.Join(t.TempDir(), "c"))
	require.NoError(t, os.WriteFile(filepath.Join(d.Path(), "ledger"), nil, 0o600))
	first, err := d.Ledger().Claim(ctx, "id", clock.Now())
	require.ErrorIs(t, err, exchange.Storage)
	assert.False(t, first)
}

func TestARefusalIsSharedForFiveSeconds(t *testing.T) {
	t.Parallel()
	ctx, clock := context.Background(), newClock()
	d := open(t, clock, filepath.Join(t.TempDir(), "c"))
	want := exchange.Error{
		Provider: providerName, Step: "exchange", Cause: exchange.Refused, Status: 401, Code: "invalid_grant",
		Description: "the rule does not match", RequestID: "req_2", Hint: "look at the rule",
	}
	cause := want
	cause.Err, cause.Retries, cause.RetryAfter = context.Canceled, 3, time.Second
	_, ok := d.Refusals().Recent(ctx, key)
	assert.False(t, ok)
	require.NoError(t, d.Refusals().Record(ctx, key, &cause))

	clock.pass(5 * time.Second)
	got, ok := d.Refusals().Recent(ctx, key)
	require.True(t, ok)
	want.Shared = true
	assert.Equal(t, want, *got, "it says that it is another run's")
	_, ok = d.Refusals().Recent(ctx, "other")
	assert.False(t, ok)

	clock.pass(time.Millisecond)
	_, ok = d.Refusals().Recent(ctx, key)
	assert.False(t, ok)

	require.NoError(t, d.Refusals().Record(ctx, key, &cause))
	clock.move(-time.Minute, time.Second)
	_, ok = d.Refusals().Recent(ctx, key)
	assert.False(t, ok, "one from the future is none")

	require.NoError(t, d.Refusals().Record(ctx, key, &cause))
	clock.move(0, 6*time.Second)
	_, ok = d.Refusals().Recent(ctx, key)
	assert.False(t, ok, "a wall clock that stands still does not keep it")

	require.NoError(t, d.Refusals().Record(ctx, key, &cause))
	put(t, d.Files(label()), key, bearer(clock, "t", time.Hour))
	_, ok = d.Refusals().Recent(ctx, key)
	assert.False(t, ok, "a success ends it")
}

func TestOnlyAFinalRefusalIsShared(t *testing.T) {
	t.Parallel()
	clock := newClock()
	r := open(t, clock, filepath.Join(t.TempDir(), "c")).Refusals()
	for _, cause := range []exchange.Cause{exchange.Unavailable, exchange.Identity, exchange.Storage} {
		require.ErrorIs(t, r.Record(context.Background(), key, &exchange.Error{Cause: cause}), exchange.Storage)
	}
	_, ok := r.Recent(context.Background(), key)
	assert.False(t, ok)
}

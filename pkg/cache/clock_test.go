package cache_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/cache"
)

func TestTheEarlierClockDecides(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	for _, row := range []struct {
		name       string
		wall, boot time.Duration // how far each clock moves
		reboot     bool
		left       time.Duration // 0: absent
	}{
		{name: "both agree", wall: 20 * time.Minute, boot: 20 * time.Minute, left: 40 * time.Minute},
		{name: "F101: the wall clock was stepped back by less than the lifetime", wall: -30 * time.Second, boot: 20 * time.Minute, left: 40 * time.Minute},
		{name: "F101: the wall clock was stepped back by more than the lifetime", wall: -2 * hour, boot: time.Minute},
		{name: "F101: stepped back to just after the issue, but the hour is over", wall: time.Minute, boot: 61 * time.Minute},
		{name: "F102: stepped forward by an hour", wall: 61 * time.Minute, boot: time.Minute},
		{name: "F103: slept for longer than the lifetime, wall clock not set yet", wall: time.Second, boot: 2 * hour},
		{name: "issued 59 s in the future", wall: -59 * time.Second, boot: time.Second, left: hour - time.Second},
		{name: "F101: issued 61 s in the future", wall: -61 * time.Second, boot: time.Second},
		{name: "another boot: only the wall clock counts", wall: 20 * time.Minute, boot: -999 * time.Hour, reboot: true, left: 40 * time.Minute},
		{name: "another boot that lasts longer already", wall: 20 * time.Minute, boot: 500 * time.Hour, reboot: true, left: 40 * time.Minute},
		{name: "the same boot, but earlier in it", wall: time.Minute, boot: -time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			clock, boot := newClock(), "boot-1"
			d, err := cache.Open(cache.Options{Dir: filepath.Join(t.TempDir(), "c"), Clock: clock, BootID: func() string { return boot }})
			require.NoError(t, err)
			s := d.Files(label())
			put(t, s, key, bearer(clock, "t", hour))
			clock.move(row.wall, row.boot)
			if row.reboot {
				boot = "boot-2"
			}
			c, ok := get(t, s, key)
			require.Equal(t, row.left > 0, ok)
			if ok {
				assert.InDelta(t, row.left, c.ExpiresAt.Sub(clock.Now()), float64(2*time.Second))
				assert.Equal(t, hour, c.Lifetime(), "its lifetime is what was granted")
			}
		})
	}
}

func TestAClockAtTheEndsOfItsRangeDoesNoHarm(t *testing.T) {
	t.Parallel()
	for _, at := range []string{
		"1970-01-01T00:00:10Z", "2038-01-19T03:14:00Z", "2100-02-28T23:59:59Z", "2262-04-11T23:47:00Z", "9999-12-31T00:00:00Z",
	} {
		t.Run("F105: "+at, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			now, err := time.Parse(time.RFC3339, at)
			require.NoError(t, err)
			clock.wall = now
			s := open(t, clock, filepath.Join(t.TempDir(), "c")).Files(label())
			put(t, s, key, bearer(clock, "t", time.Hour))
			clock.pass(20 * time.Minute)
			c, ok := get(t, s, key)
			require.True(t, ok)
			assert.Equal(t, 40*time.Minute, c.ExpiresAt.Sub(clock.Now()))
			clock.pass(40 * time.Minute)
			_, ok = get(t, s, key)
			assert.False(t, ok)
		})
	}
}

func TestALifetimeThatNobodyGrantsIsAbsent(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := open(t, clock, filepath.Join(t.TempDir(), "c")).Files(label())
	put(t, s, key, bearer(clock, "t", 25*time.Hour))
	_, ok := get(t, s, key)
	assert.False(t, ok)
	put(t, s, key, bearer(clock, "t", 24*time.Hour))
	_, ok = get(t, s, key)
	assert.True(t, ok)
}

func TestAMachineWithoutABootClockGoesByTheWall(t *testing.T) {
	t.Parallel()
	clock := newClock()
	clock.boot = 0
	s := open(t, clock, filepath.Join(t.TempDir(), "c")).Files(label())
	put(t, s, key, bearer(clock, "t", time.Hour))
	clock.move(59*time.Minute, 0)
	_, ok := get(t, s, key)
	assert.True(t, ok)
	clock.move(2*time.Minute, 0)
	_, ok = get(t, s, key)
	assert.False(t, ok)
}

func TestListShowsWhatIsThereWithoutTheSecret(t *testing.T) {
	t.Parallel()
	clock := newClock()
	d := open(t, clock, filepath.Join(t.TempDir(), "c"))
	other := cache.Key("other")
	put(t, d.Files(label()), key, bearer(clock, "t", time.Hour))
	put(t, d.Files(cache.Label{Provider: providerName, Profile: "build"}), other, bearer(clock, "t", 2*time.Hour))
	clock.move(-30*time.Second, 30*time.Minute)
	entries, err := d.List(context.Background())
	require.NoError(t, err)
	require.Len(t, entries, 2)
	assert.Equal(t, []string{other, key}, []string{entries[0].Key, entries[1].Key}, "sorted by profile")
	e := entries[1]
	assert.Equal(t, label(), e.Label)
	assert.Equal(t, "file", e.Store)
	assert.Equal(t, "req_1", e.RequestID)
	assert.InDelta(t, 30*time.Minute, e.ExpiresAt.Sub(clock.Now()), float64(2*time.Second), "by the clock that leaves less")

	look, err := cache.Open(cache.Options{Dir: filepath.Join(t.TempDir(), "missing"), Clock: clock, Look: true})
	require.NoError(t, err)
	entries, err = look.List(context.Background())
	require.NoError(t, err)
	assert.Empty(t, entries)
	assert.NoDirExists(t, look.Path(), "a look makes nothing")
}

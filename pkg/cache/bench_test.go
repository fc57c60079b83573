package cache_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/awf-cred/awf-cred/internal/clock"
	"github.com/awf-cred/awf-cred/pkg/cache"
)

// BenchmarkHit is all that a cache hit costs here: the directory is looked at,
// one file is read, no lock is taken. BenchmarkStaleHit has 10,000 stale entries
// beside it (F074: at most twice as long).
func BenchmarkHit(b *testing.B)      { benchmarkHit(b, 0) }
func BenchmarkStaleHit(b *testing.B) { benchmarkHit(b, 10_000) }

func benchmarkHit(b *testing.B, stale int) {
	path := filepath.Join(b.TempDir(), "c")
	d, err := cache.Open(cache.Options{Dir: path, Clock: clock.System{}})
	if err != nil {
		b.Fatal(err)
	}
	if err := d.Files(label()).Put(context.Background(), key, granted("token")); err != nil {
		b.Fatal(err)
	}
	makeStale(b, d, stale)
	for b.Loop() {
		d, err := cache.Open(cache.Options{Dir: path, Clock: clock.System{}})
		if err != nil {
			b.Fatal(err)
		}
		if _, ok, err := d.Files(label()).Get(context.Background(), key); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

// BenchmarkTidy is a writer's work among 10,000 expired entries, all of which it
// removes.
func BenchmarkTidy(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		d, err := cache.Open(cache.Options{Dir: filepath.Join(b.TempDir(), "c"), Clock: clock.System{}})
		if err != nil {
			b.Fatal(err)
		}
		makeStale(b, d, 10_000)
		b.StartTimer()
		if err := d.Files(label()).Put(context.Background(), key, granted("token")); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if names, err := filepath.Glob(filepath.Join(d.Path(), "*.json")); len(names) != 1 {
			b.Fatal(len(names), err)
		}
		b.StartTimer()
	}
}

func makeStale(tb testing.TB, d *cache.Directory, n int) {
	tb.Helper()
	for i := range n {
		writeExpired(tb, d, i, time.Minute)
	}
}

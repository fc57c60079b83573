package cache

import (
	"time"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
)

const (
	// tidyBudget bounds how long a writer tidies; the next one goes on.
	tidyBudget = 5 * time.Second
	// lockIdle is how long a lock file is kept after its last use.
	lockIdle = time.Hour
)

// tidy removes what is ours and of no more use: temporary files of dead writers,
// expired entries, old refusals and idle lock files. keep is the key just written.
// Nothing that goes wrong here matters to the writer.
func (d *Directory) tidy(dir *atomicfile.Dir, keep string) {
	names, err := dir.Names()
	if err != nil {
		return
	}
	now := d.clock.clock.Now()
	_ = dir.SweepNames(names, now)
	until := now.Add(tidyBudget)
	for i, name := range names {
		if i%256 == 255 && d.clock.clock.Now().After(until) {
			return
		}
		d.tidyOne(dir, name, keep, now)
	}
}

func (d *Directory) tidyOne(dir *atomicfile.Dir, name, keep string, now time.Time) {
	if key, ok := keyOf(name, entrySuffix); ok && key != keep {
		d.tidyEntry(dir, name, key, now)
	} else if key, ok := keyOf(name, refusalSuffix); ok {
		if _, ok := d.recentRefusal(dir, key); !ok {
			_ = dir.Remove(name)
		}
	} else if key, ok := keyOf(name, lockSuffix); ok && key != keep {
		tidyLock(dir, name, now)
	}
}

// tidyEntry removes an entry that has expired, and one that nobody can read once
// it is older than any credential.
func (d *Directory) tidyEntry(dir *atomicfile.Dir, name, key string, now time.Time) {
	info, err := dir.Stat(name)
	if err != nil || !info.Mode.IsRegular() || dir.CheckPrivate(name, info) != nil {
		return
	}
	if now.Sub(info.ModTime) <= maxLifetime {
		data, read, err := dir.ReadInfo(name, maxDocument)
		if err != nil || !d.expired(data, key) {
			return
		}
		info = read
	}
	_ = dir.RemoveIf(name, info)
}

func (d *Directory) expired(data []byte, key string) bool {
	r, ok := decodeRecord(data, key)
	if !ok {
		return false
	}
	left, past := d.clock.left(r.at, r.cred.Lifetime())
	return past && left <= 0
}

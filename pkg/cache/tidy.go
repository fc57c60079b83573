package cache

import (
	"time"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
)

const (
	// tidyBudget bounds how long a writer tidies; the next one goes on.
	tidyBudget = 2 * time.Second
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
	data, info, err := dir.ReadInfo(name, maxDocument)
	if err != nil {
		return
	}
	old := now.Sub(info.ModTime) > maxLifetime
	if r, ok := decodeRecord(data, key); ok && !old {
		left, past := d.clock.left(r.at, r.cred.Lifetime())
		old = past && left <= 0
	}
	if old {
		_ = dir.RemoveIf(name, info)
	}
}

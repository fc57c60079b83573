package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
)

const (
	ledgerName = "ledger"
	// ledgerMargin is how long a claim outlives its assertion: a vendor with a
	// slow clock may still take it.
	ledgerMargin = 10 * time.Minute
	// ledgerUnknown is how long a claim lasts when the assertion names no end.
	ledgerUnknown = 24 * time.Hour
	maxClaim      = 64 // bytes: one time
)

// Ledger remembers spent assertions, one small file each, whatever the store. A
// claim is the creation of a file that must not exist, so of any number of
// processes one is first. Clear leaves it alone.
type Ledger struct{ dir *Directory }

// Ledger is the directory's ledger.
func (d *Directory) Ledger() *Ledger { return &Ledger{dir: d} }

// Claim marks id as spent until the given time, which only says when it can be
// forgotten. first is false when it was spent already.
func (l *Ledger) Claim(ctx context.Context, id string, until time.Time) (first bool, err error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	dir, err := l.open()
	if err != nil {
		return false, err
	}
	defer dir.Close()
	now := l.dir.clock.clock.Now()
	if until.IsZero() {
		until = now.Add(ledgerUnknown)
	}
	err = dir.Create(claimName(id), []byte(until.UTC().Format(time.RFC3339)+"\n"))
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, storageError("ledger", err)
	}
	forgetPast(dir, now)
	return true, nil
}

// Release takes a claim of ours back: no byte of the assertion was sent.
func (l *Ledger) Release(ctx context.Context, id string) error {
	// The claim must go even when ctx has ended: nothing else takes it back.
	_ = ctx
	dir, err := l.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	return storageError("ledger", dir.Remove(claimName(id)))
}

func (l *Ledger) open() (*atomicfile.Dir, error) {
	// The directory itself first: it is what must be safe.
	outer, err := l.dir.open()
	if err != nil {
		return nil, storageError("ledger", err)
	}
	outer.Close()
	dir, err := atomicfile.MakeDir(filepath.Join(l.dir.path, ledgerName), 1)
	return dir, storageError("ledger", err)
}

// claimName turns any id into a file name: a digest, cut so that an error which
// names the file does not print it whole.
func claimName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])[:32]
}

// forgetPast removes claims whose assertions nobody takes any more. One without a
// time is of a process that died while it wrote; its file's age decides.
func forgetPast(dir *atomicfile.Dir, now time.Time) {
	names, err := dir.Names()
	if err != nil {
		return
	}
	for _, name := range names {
		data, info, err := dir.ReadInfo(name, maxClaim)
		if err != nil {
			continue
		}
		until, err := time.Parse(time.RFC3339, strings.TrimSpace(string(data)))
		if err != nil {
			until = info.ModTime.Add(ledgerUnknown)
		}
		if now.After(until.Add(ledgerMargin)) {
			_ = dir.Remove(name)
		}
	}
}

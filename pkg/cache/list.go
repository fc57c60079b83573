package cache

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
)

// List describes the entries of the directory, expired ones too, sorted by
// profile and key. Entries that must not be used are in the error; the others are
// listed all the same.
func (d *Directory) List(ctx context.Context) ([]Entry, error) {
	dir, err := d.openToRead()
	if dir == nil {
		return nil, storageError("cache", err)
	}
	defer dir.Close()
	names, err := dir.Names()
	if err != nil {
		return nil, storageError("cache", err)
	}
	var entries []Entry
	var errs []error
	for _, name := range names {
		if ctx.Err() != nil {
			return entries, ctx.Err()
		}
		key, ok := keyOf(name, entrySuffix)
		if !ok {
			continue
		}
		e, ok, err := d.describe(dir, name, key)
		if ok {
			entries = append(entries, e)
		}
		errs = append(errs, err)
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Label.Profile, b.Label.Profile), cmp.Compare(a.Key, b.Key))
	})
	return entries, storageError("cache", errors.Join(errs...))
}

func (d *Directory) describe(dir *atomicfile.Dir, name, key string) (Entry, bool, error) {
	data, err := readPresent(dir, name)
	if data == nil {
		return Entry{}, false, err
	}
	r, ok := decodeRecord(data, key)
	if !ok {
		return Entry{}, false, nil
	}
	e, ok := r.entry("file", d.clock)
	return e, ok, nil
}

// Clear removes all entries, shared refusals and temporary files of dead writers.
// The ledger stays: a spent assertion is spent. What other programs put into the
// directory stays too. It returns how many entries it removed.
func (d *Directory) Clear(ctx context.Context) (removed int, err error) {
	dir, err := d.openToRead()
	if dir == nil {
		return 0, storageError("cache", err)
	}
	defer dir.Close()
	names, err := dir.Names()
	if err != nil {
		return 0, storageError("cache", err)
	}
	errs := []error{dir.SweepNames(names, d.clock.clock.Now())}
	for _, name := range names {
		if ctx.Err() != nil {
			return removed, ctx.Err()
		}
		_, entry := keyOf(name, entrySuffix)
		_, refusal := keyOf(name, refusalSuffix)
		if !entry && !refusal {
			continue
		}
		err := dir.Remove(name)
		if err == nil && entry {
			removed++
		}
		errs = append(errs, err)
	}
	return removed, storageError("cache", errors.Join(errs...))
}

package atomicfile

import (
	"errors"
	"strings"
	"time"
)

const (
	tempPrefix = "."
	tempSuffix = ".tmp"
	tempRandom = 12 // letters and digits in between
	// orphanAge is when a temporary file is taken for a dead writer's where
	// locks do not tell.
	orphanAge = time.Hour
)

// Sweep removes the temporary files of writers that died. It goes on after one
// that it could not remove, and reports it.
func (d *Dir) Sweep(now time.Time) error {
	names, err := d.Names()
	if err != nil {
		return err
	}
	return d.SweepNames(names, now)
}

// SweepNames is Sweep for a directory that was listed already.
func (d *Dir) SweepNames(names []string, now time.Time) error {
	var errs []error
	for _, name := range names {
		if !IsTemp(name) {
			continue
		}
		info, err := d.Stat(name)
		if err != nil || !info.Mode.IsRegular() || !info.ours() {
			continue
		}
		if d.dead(name) || now.Sub(info.ModTime) > orphanAge {
			errs = append(errs, d.Remove(name))
		}
	}
	return errors.Join(errs...)
}

// IsTemp reports whether name is one that Write gives to its temporary files.
func IsTemp(name string) bool {
	return strings.HasPrefix(name, tempPrefix) && strings.HasSuffix(name, tempSuffix)
}

package cache

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Names in the directory: a key and one of these.
const (
	entrySuffix   = ".json"
	refusalSuffix = ".refused"
	lockSuffix    = ".lock"
)

// File keeps each credential in a file of its own.
type File struct {
	dir   *Directory
	label Label
}

// Files is the store of files. label is written into its entries.
func (d *Directory) Files(label Label) *File { return &File{dir: d, label: label} }

// Get returns the entry of key while it lives. It reads one file and takes no
// lock. The error is for a file or directory that must not be used; whatever is
// damaged, foreign or not a file at all is absent.
func (f *File) Get(ctx context.Context, key string) (exchange.Credential, bool, error) {
	r, ok, err := f.read(ctx, key)
	if err != nil || !ok {
		return exchange.Credential{}, false, err
	}
	c, ok := r.alive(f.dir.clock)
	return c, ok, nil
}

// Lookup describes the entry of key, an expired one too.
func (f *File) Lookup(ctx context.Context, key string) (Entry, bool, error) {
	r, ok, err := f.read(ctx, key)
	if err != nil || !ok {
		return Entry{}, false, err
	}
	e, ok := r.entry("file", f.dir.clock)
	return e, ok, nil
}

func (f *File) read(ctx context.Context, key string) (record, bool, error) {
	if err := errors.Join(ctx.Err(), checkKey(key)); err != nil {
		return record{}, false, err
	}
	dir, err := f.dir.openToRead()
	if dir == nil {
		return record{}, false, storageError("cache", err)
	}
	defer dir.Close()
	data, err := readPresent(dir, key+entrySuffix)
	if data == nil {
		return record{}, false, storageError("cache", err)
	}
	r, ok := decodeRecord(data, key)
	if !ok || f.label.Provider != "" && r.cred.Provider != f.label.Provider {
		return record{}, false, nil
	}
	return r, true, nil
}

// readPresent reads a file of ours, nil for what counts as absent.
func readPresent(dir *atomicfile.Dir, name string) ([]byte, error) {
	data, err := dir.Read(name, maxDocument)
	switch {
	case err == nil:
		return data, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, atomicfile.ErrNotRegular), errors.Is(err, atomicfile.ErrTooLarge):
		return nil, nil
	}
	return nil, err
}

// Put writes the entry of key, then tidies the directory.
func (f *File) Put(ctx context.Context, key string, c exchange.Credential) error {
	if err := errors.Join(ctx.Err(), checkKey(key), storable(c)); err != nil {
		return err
	}
	data, err := newRecord(key, f.label, c, f.dir.clock.now()).encode()
	if err != nil {
		return storageError("cache", err)
	}
	if len(data) > maxDocument {
		return storageError("cache", ErrTooLarge)
	}
	dir, err := f.dir.open()
	if err != nil {
		return storageError("cache", err)
	}
	defer dir.Close()
	err = replace(dir, key+entrySuffix, data)
	if noSpace(err) {
		// What is stale here may be what fills the disk.
		f.dir.tidy(dir, key)
		err = replace(dir, key+entrySuffix, data)
	}
	if err != nil {
		return storageError("cache", err)
	}
	_ = dir.Remove(key + refusalSuffix)
	f.dir.tidy(dir, key)
	return nil
}

// replace writes a file over what is there, a FIFO, socket or device included:
// in a directory that is ours alone, that is a leftover. Links and what others
// own or can read stay, and are an error.
func replace(dir *atomicfile.Dir, name string, data []byte) error {
	info, err := dir.Stat(name)
	if err == nil && !info.Mode.IsRegular() && !info.Mode.IsDir() && info.Mode.Type() != fs.ModeSymlink {
		if err := dir.Remove(name); err != nil {
			return err
		}
	}
	if err == nil && info.Mode.IsRegular() {
		if err := dir.CheckPrivate(name, info); err != nil {
			return err
		}
	}
	return dir.Write(name, data)
}

// Delete removes the entry of key; an absent one is no error.
func (f *File) Delete(ctx context.Context, key string) error {
	if err := errors.Join(ctx.Err(), checkKey(key)); err != nil {
		return err
	}
	return f.dir.remove(key+entrySuffix, key+refusalSuffix)
}

func (d *Directory) remove(names ...string) error {
	dir, err := d.openToRead()
	if dir == nil {
		return storageError("cache", err)
	}
	defer dir.Close()
	var errs []error
	for _, name := range names {
		errs = append(errs, dir.Remove(name))
	}
	return storageError("cache", errors.Join(errs...))
}

// keyOf takes a file name of ours apart.
func keyOf(name, suffix string) (key string, ok bool) {
	key, ok = strings.CutSuffix(name, suffix)
	return key, ok && checkKey(key) == nil
}

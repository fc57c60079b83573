package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
)

// Locker gives one lock for each key to one holder at a time, among all
// goroutines and processes that use the directory. The system releases it with
// the process, however that ends.
type Locker struct {
	dir *Directory

	mu    sync.Mutex
	waits map[string]*wait // at most one system call waits for each key
}

// Locker is the lock of the directory's keys.
func (d *Directory) Locker() *Locker { return &Locker{dir: d, waits: map[string]*wait{}} }

// LockError says that ctx ended before the lock came free. It wraps ctx's error.
type LockError struct {
	PID  int           // of the holder; 0 when not known
	Held time.Duration // for how long
	Err  error
}

// Error names the holder.
func (e *LockError) Error() string {
	text := "another process holds the lock"
	if e.PID != 0 {
		text = fmt.Sprintf("process %d has held the lock for %s", e.PID, e.Held.Round(time.Second))
	}
	if !errors.Is(e.Err, context.DeadlineExceeded) { // that one is what the caller says already
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns ctx's error.
func (e *LockError) Unwrap() error { return e.Err }

// maxReplaced bounds how often a lock file may be replaced under our hands.
const maxReplaced = 100

// Lock waits until it holds the lock of key or ctx ends; then the error is a
// *LockError. Any other error means that locks do not work in this directory; it
// is no *exchange.Error, because nothing that was asked for has failed.
func (l *Locker) Lock(ctx context.Context, key string) (unlock func(), err error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	name := key + lockSuffix
	for range maxReplaced {
		if ctx.Err() != nil {
			return nil, l.gaveUp(ctx, name)
		}
		f, err := l.acquire(ctx, name)
		if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil, l.gaveUp(ctx, name)
		}
		if err != nil {
			return nil, atomicfile.Fail("lock", l.path(name), err)
		}
		if l.current(f, name) {
			l.sign(name)
			return func() { _ = f.Unlock() }, nil
		}
		// The file was removed or replaced while we waited: what we hold is the
		// lock of nothing.
		_ = f.Unlock()
	}
	return nil, atomicfile.Fail("lock", l.path(name), errReplaced)
}

var errReplaced = errors.New("the lock file is replaced all the time")

// acquire locks the file that has the name now, waiting for its holder.
func (l *Locker) acquire(ctx context.Context, name string) (*flock.Flock, error) {
	dir, err := l.dir.open()
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	if err := prepare(dir, name); err != nil {
		return nil, err
	}
	f := lockFile(l.path(name))
	got, err := tryLock(f)
	if errors.Is(err, fs.ErrPermission) {
		dir.Mend(name)
		got, err = tryLock(f)
	}
	if err != nil {
		return f, err
	}
	dir.Mend(name) // a umask may have taken its mode
	if got {
		return f, nil
	}
	return l.wait(ctx, name, f)
}

// prepare refuses a lock file that is a link or another user's; its content and
// mode do not matter.
func prepare(dir *atomicfile.Dir, name string) error {
	info, err := dir.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return dir.CheckLock(name, info)
}

// tryLock asks again when a signal came in between.
func tryLock(f *flock.Flock) (got bool, err error) {
	for {
		got, err = f.TryLock()
		if !errors.Is(err, syscall.EINTR) {
			return got, err
		}
	}
}

func (l *Locker) path(name string) string { return filepath.Join(l.dir.path, name) }

func lockFile(path string) *flock.Flock {
	return flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|lockFlags), flock.SetPermissions(0o600))
}

// current reports whether f still has its name.
func (l *Locker) current(f *flock.Flock, name string) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(l.path(name))
	return err == nil && os.SameFile(held, named)
}

func (l *Locker) gaveUp(ctx context.Context, name string) error {
	e := &LockError{Err: context.Cause(ctx)}
	if !errors.Is(e.Err, ctx.Err()) {
		e.Err = errors.Join(ctx.Err(), e.Err)
	}
	if h, ok := l.holder(name); ok {
		e.PID, e.Held = h.PID, max(0, l.dir.clock.clock.Now().Sub(h.Since))
	}
	return e
}

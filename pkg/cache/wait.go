package cache

import (
	"context"
	"errors"
	"syscall"

	"github.com/gofrs/flock"
)

// wait is one system call that waits for a lock. Waiting in the kernel costs
// nothing and hands the lock on in order, at once; polling by hundreds of
// processes does neither. The call cannot be cancelled, so a caller whose context
// ends leaves it behind: it gives the lock back when it comes, or the next caller
// in this process takes it over. A process has one such call for each key at most.
type wait struct {
	done   chan struct{} // closed when the call has returned
	err    error
	lock   *flock.Flock
	wanted bool // guarded by Locker.mu: somebody waits for the outcome
}

func (l *Locker) wait(ctx context.Context, name string, f *flock.Flock) (*flock.Flock, error) {
	for {
		w, mine := l.join(name, f)
		select {
		case <-w.done:
		case <-ctx.Done():
			if mine && l.leave(w) {
				return nil, ctx.Err()
			}
			if !mine {
				return nil, ctx.Err()
			}
			<-w.done
		}
		if mine {
			return w.lock, w.err
		}
		// Another goroutine of ours had it; it is our turn to ask.
	}
}

// join starts the call, or takes over one that was left behind. It is not mine
// while another goroutine waits for it: then its end is a moment to try again.
func (l *Locker) join(name string, f *flock.Flock) (w *wait, mine bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.waits[name]; w != nil {
		mine = !w.wanted
		w.wanted = true
		return w, mine
	}
	w = &wait{done: make(chan struct{}), lock: f, wanted: true}
	l.waits[name] = w
	go l.call(name, w)
	return w, true
}

// leave gives the call up; false when it has ended already.
func (l *Locker) leave(w *wait) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-w.done:
		return false
	default:
		w.wanted = false
		return true
	}
}

func (l *Locker) call(name string, w *wait) {
	for {
		w.err = w.lock.Lock()
		if !errors.Is(w.err, syscall.EINTR) {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waits, name)
	if !w.wanted && w.err == nil {
		_ = w.lock.Unlock()
	}
	close(w.done)
}

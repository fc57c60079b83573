package cli

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// delivery is standard output: one write at the end of a command, or none. A
// signal that comes first closes it; one that comes during the write waits for it.
type delivery struct {
	w     io.Writer
	state atomic.Int32
}

const (
	open = iota
	delivering
	closed
)

func newDelivery(w io.Writer) *delivery { return &delivery{w: w} }

// errGone is a reader of standard output that has gone.
var errGone = errors.New("the reader of standard output has gone")

// send writes b whole. what names it for the error: nobody should believe that a
// half token is one.
func (d *delivery) send(what string, b []byte) error {
	if !d.claim() {
		return nil // interrupted: the exit status says so
	}
	n, err := d.w.Write(b)
	switch {
	case err == nil && n == len(b):
		return nil
	case err == nil:
		err = io.ErrShortWrite
	case errors.Is(err, syscall.EPIPE):
		return errGone
	}
	return &exchange.Error{Step: "standard output", Cause: exchange.Storage, Description: what + " was not delivered", Err: err}
}

// claim begins the delivery, false after an interruption.
func (d *delivery) claim() bool {
	return d.state.CompareAndSwap(open, delivering) || d.state.Load() == delivering
}

// shut closes standard output unless something is being delivered.
func (d *delivery) shut() (shut bool) { return d.state.CompareAndSwap(open, closed) }

// Write delivers what cobra prints (help, completion scripts).
func (d *delivery) Write(b []byte) (int, error) {
	if err := d.send("the text", b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// lockedWriter writes one record at a time. Its errors are dropped: standard error
// being full or gone changes neither the output nor the exit status.
type lockedWriter struct {
	mu    sync.Mutex
	w     io.Writer
	muted bool
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.muted {
		_, _ = l.w.Write(b)
	}
	return len(b), nil
}

// mute drops what is written from now on; false ends it.
func (l *lockedWriter) mute(muted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.muted = muted
}

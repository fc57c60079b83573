package relay

import (
	"context"
	"time"
)

// connContext is a client connection as a context: it ends when the client leaves
// or the drain is over. It costs nothing until somebody waits for it.
type connContext clientConn

var _ context.Context = (*connContext)(nil)

// Deadline implements context.Context: there is none.
func (*connContext) Deadline() (deadline time.Time, ok bool) { return }

// Done implements context.Context.
func (x *connContext) Done() <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.done == nil {
		x.done = make(chan struct{})
		if x.gone {
			close(x.done)
		}
	}
	return x.done
}

// Err implements context.Context.
func (x *connContext) Err() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.gone {
		return context.Canceled
	}
	return nil
}

// Value implements context.Context: it carries none.
func (*connContext) Value(any) any { return nil }

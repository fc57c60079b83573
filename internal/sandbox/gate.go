package sandbox

import (
	"context"
	"sync"
)

// Gate holds requests until the test opens it, and tells of each that arrives,
// so that a test needs no sleep. Make one with NewGate; it opens once and for
// all.
type Gate struct {
	mu      sync.Mutex
	arrived int
	changed chan struct{}
	open    chan struct{}
	once    sync.Once
}

// NewGate returns a closed gate.
func NewGate() *Gate {
	return &Gate{changed: make(chan struct{}), open: make(chan struct{})}
}

// Open releases every request that waits and all that come later.
func (g *Gate) Open() { g.once.Do(func() { close(g.open) }) }

// Arrived is how many requests have reached the gate.
func (g *Gate) Arrived() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.arrived
}

// Wait blocks until n requests have reached the gate or ctx ends.
func (g *Gate) Wait(ctx context.Context, n int) error {
	for {
		g.mu.Lock()
		arrived, changed := g.arrived, g.changed
		g.mu.Unlock()
		if arrived >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pass reports an arrival and waits for the gate to open or ctx to end.
func (g *Gate) pass(ctx context.Context) {
	g.mu.Lock()
	g.arrived++
	close(g.changed)
	g.changed = make(chan struct{})
	g.mu.Unlock()
	select {
	case <-g.open:
	case <-ctx.Done():
	}
}

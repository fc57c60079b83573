package relay

import "sync/atomic"

// Budget bounds the bytes of all request bodies that are held in memory, for
// signing or for a second attempt. It is safe for concurrent use.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a budget of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Used returns the bytes that are taken now.
func (b *Budget) Used() int64 { return b.used.Load() }

func (b *Budget) take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *Budget) give(n int64) { b.used.Add(-n) }

// Gate bounds the requests that are served at once. It is safe for concurrent
// use.
type Gate struct {
	limit int64
	open  atomic.Int64
}

// NewGate returns a gate for limit requests.
func NewGate(limit int) *Gate { return &Gate{limit: int64(limit)} }

// Open returns the number of requests that are served now.
func (g *Gate) Open() int64 { return g.open.Load() }

func (g *Gate) enter() bool {
	if g.open.Add(1) > g.limit {
		g.open.Add(-1)
		return false
	}
	return true
}

func (g *Gate) leave() { g.open.Add(-1) }

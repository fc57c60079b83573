package relay

import "sync"

// Sizes of pooled buffers. Small is what a stream holds while it waits; head fits
// nearly every head; large is borrowed only while bytes are at hand, wide only
// while they come faster than a large one holds.
const (
	smallSize = 512
	headSize  = 4 << 10
	largeSize = 32 << 10
	wideSize  = 64 << 10
	corkSize  = 72 << 10 // four full TLS records with their overhead
)

// buffers is the memory that connections of one Server or Upstream borrow. What is
// frequent and small is in sync.Pools; the large ones are in a bounded stack, so
// that a burst leaves its memory to the collector at once and not after two
// cycles.
type buffers struct {
	small, head, scratch sync.Pool
	large, wide, cork    stack
}

func newBuffers() *buffers {
	b := &buffers{large: stack{size: largeSize, keep: 16}, wide: stack{size: wideSize, keep: 4}, cork: stack{size: corkSize, keep: 4}}
	b.small.New = func() any { return new([smallSize]byte) }
	b.head.New = func() any { return new([headSize]byte) }
	b.scratch.New = func() any { return new(scratch) }
	return b
}

func (b *buffers) getHead() []byte { return b.head.Get().(*[headSize]byte)[:] }

// putHead takes back a buffer of getHead; one that grew beyond it is garbage.
func (b *buffers) putHead(p []byte) {
	if cap(p) == headSize {
		b.head.Put((*[headSize]byte)(p[:headSize]))
	}
}

// scratch is what one request needs until its reply's head has been written.
type scratch struct {
	fields [48]Field
	reply  [32]Field
	add    [512]byte
}

// stack is a bounded free list, last in first out.
type stack struct {
	mu   sync.Mutex
	free [][]byte
	size int
	keep int
}

func (s *stack) get() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		p := s.free[n-1]
		s.free = s.free[:n-1]
		return p
	}
	return make([]byte, s.size)
}

func (s *stack) put(p []byte) {
	if cap(p) != s.size {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) < s.keep {
		s.free = append(s.free, p[:s.size])
	}
}

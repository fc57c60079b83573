package relay

import (
	"runtime/debug"
	"sync/atomic"
	"time"
)

// A process that makes no garbage never collects: what a thousand streams leave
// behind when they end (grown stacks, TLS buffers of 20 KiB), and what their
// handshakes did when they began, would stay. After shrinkAfter of either the
// memory is collected once and returned to the system.
const (
	shrinkAfter = 256
	shrinkDelay = 500 * time.Millisecond // the burst is over when it brings nothing new
	shrinkTries = 10                     // or has gone on for so many delays
	shrinkPause = 3 * time.Second
	shrinkFirst = time.Second // after the start, which leaves litter of its own
	longStream  = time.Second // a shorter one used what others had left
)

// shrinker owns the goroutine that does it.
type shrinker struct {
	litter  atomic.Int64
	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{}
}

func newShrinker() *shrinker {
	s := &shrinker{wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{})}
	go s.run()
	return s
}

// note counts an ended stream or a handshake.
func (s *shrinker) note() {
	if s.litter.Add(1) == shrinkAfter {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

func (s *shrinker) run() {
	defer close(s.stopped)
	if !s.wait(shrinkFirst) {
		return
	}
	shrinkMemory()
	for {
		select {
		case <-s.stop:
			return
		case <-s.wake:
		}
		for range shrinkTries {
			before := s.litter.Load()
			if !s.wait(shrinkDelay) {
				return
			}
			if s.litter.Load()-before < shrinkAfter/16 {
				break
			}
		}
		s.litter.Store(0)
		shrinkMemory()
		if !s.wait(shrinkPause) {
			return
		}
		if s.litter.Load() >= shrinkAfter { // during the pause
			select {
			case s.wake <- struct{}{}:
			default:
			}
		}
	}
}

func shrinkMemory() {
	debug.FreeOSMemory()
	dropProgramPages()
}

func (s *shrinker) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.stop:
		return false
	case <-t.C:
		return true
	}
}

func (s *shrinker) close() {
	close(s.stop)
	<-s.stopped
}

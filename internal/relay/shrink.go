package relay

import (
	"runtime/debug"
	"sync/atomic"
	"time"
)

// A process that makes no garbage never collects: what a thousand streams have
// left behind (grown stacks, TLS buffers of 20 KiB) would stay. After shrinkAfter
// streams have ended the memory is collected once and returned to the system.
const (
	shrinkAfter = 256
	shrinkDelay = 500 * time.Millisecond // more of the same burst may end
	shrinkPause = 15 * time.Second
)

// shrinker owns the goroutine that does it.
type shrinker struct {
	ended   atomic.Int64
	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{}
}

func newShrinker() *shrinker {
	s := &shrinker{wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{})}
	go s.run()
	return s
}

// streamEnded counts; many callers.
func (s *shrinker) streamEnded() {
	if s.ended.Add(1) == shrinkAfter {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

func (s *shrinker) run() {
	defer close(s.stopped)
	for {
		select {
		case <-s.stop:
			return
		case <-s.wake:
		}
		if !s.wait(shrinkDelay) {
			return
		}
		debug.FreeOSMemory()
		if !s.wait(shrinkPause) {
			return
		}
		if s.ended.Swap(0) > 2*shrinkAfter {
			debug.FreeOSMemory() // what ended during the pause
		}
	}
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

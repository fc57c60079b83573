package tokensource

import (
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Invalidate drops c, which an upstream has refused; a newer credential stays.
// While Run runs it asks for a forced renewal, at most once in 10 s: until that is
// made callers wait, and when it may not be made or fails they get c again, and
// the upstream's own answer with it.
func (s *Source) Invalidate(c exchange.Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held.Load()
	if h == nil || !h.c.Same(c) {
		return
	}
	if eternal(c) {
		return // a static key has no successor
	}
	if !s.running() {
		s.rejectLocked(c)
		s.held.Store(nil)
		return
	}
	r := &s.run
	if r.forcedEver && s.since(r.forcedAt) < apart {
		return
	}
	r.forcedAt, r.forcedEver = s.stamp(), true
	s.rejectLocked(c)
	r.owed = true
	if s.pauseLocked(forced) > 0 {
		return // after a failure no attempt may be made yet; nobody waits for it
	}
	r.wait.Store(true)
	s.wakeRun()
}

package sandbox

import "time"

// Now is the sandbox's clock: what its vendors take for the time.
func (s *Sandbox) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now().Add(s.offset)
}

// ClockOffset moves the clock of all vendors against its source.
func (s *Sandbox) ClockOffset(by time.Duration) {
	s.mu.Lock()
	s.offset = by
	s.mu.Unlock()
}

// SetClock replaces the clock's source; the offset stays.
func (s *Sandbox) SetClock(now func() time.Time) {
	s.mu.Lock()
	s.now = now
	s.mu.Unlock()
}

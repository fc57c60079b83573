// Package clock is the system's time: wall clock, time since boot and timers,
// as package tokensource wants them.
package clock

import (
	"time"

	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// System is the real clock.
type System struct{}

// Now returns the wall clock.
func (System) Now() time.Time { return time.Now().Add(offset()) }

// Boot returns the time since boot, suspended time included; 0 where the
// platform has no such clock.
func (System) Boot() time.Duration { return boot() }

// NewTimer returns a timer of the real clock.
func (System) NewTimer(d time.Duration) tokensource.Timer { return timer{time.NewTimer(d)} }

type timer struct{ t *time.Timer }

func (t timer) C() <-chan time.Time { return t.t.C }
func (t timer) Stop() bool          { return t.t.Stop() }

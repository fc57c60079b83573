package cache

import (
	"time"

	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

const (
	// maxAhead is how far in the future an entry may have been issued: more is
	// another clock than ours.
	maxAhead = time.Minute
	// maxLifetime bounds what an entry may claim; exchanges clamp to 24 h.
	maxLifetime = 24*time.Hour + time.Minute
	// clockNoise is how much two clocks may differ without having been stepped.
	clockNoise = time.Second
)

// stamper reads both clocks: the wall clock, which can be stepped, and the time
// since boot, which counts sleep and cannot, but means nothing after a reboot.
type stamper struct {
	clock  tokensource.Clock
	bootID func() string
}

// stamp is a moment on both clocks. BootID tells whether Boot still counts.
type stamp struct {
	Wall   time.Time
	Boot   time.Duration // since boot; 0: no such clock
	BootID string
}

func (s stamper) now() stamp {
	return stamp{Wall: s.clock.Now().Round(0), Boot: s.clock.Boot(), BootID: s.bootID()}
}

// since is the time that passed since then by each clock; booted says whether the
// one since boot counts. The boot's name is only asked for when the clocks
// disagree: the usual case reads no file.
func (s stamper) since(then stamp) (wall, boot time.Duration, booted bool) {
	wall = s.clock.Now().Round(0).Sub(then.Wall)
	now := s.clock.Boot()
	if then.Boot == 0 || now == 0 {
		return wall, 0, false
	}
	boot = now - then.Boot
	if d := boot - wall; d > -clockNoise && d < clockNoise {
		return wall, boot, true
	}
	return wall, boot, then.BootID == s.bootID()
}

// left is what remains of a lifetime that began then, by the clock that leaves
// less. It is false when then is not a moment in our past.
func (s stamper) left(then stamp, lifetime time.Duration) (time.Duration, bool) {
	if lifetime <= 0 || lifetime > maxLifetime {
		return 0, false
	}
	wall, boot, booted := s.since(then)
	if wall < -maxAhead || booted && boot < 0 {
		return 0, false
	}
	passed := wall
	if booted {
		passed = max(wall, boot)
	}
	return lifetime - passed, true
}

package tokensource

import (
	"sync"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// held is the credential in memory, with the clocks of the moment when it was
// taken over: whichever clock says that more time has passed is believed, so that
// neither a step of the wall clock nor a suspended machine prolongs a credential.
type held struct {
	c       exchange.Credential
	at      stamp
	left    time.Duration        // at that moment
	renewAt func() time.Duration // after that moment; only Run asks
}

// stamp is a moment on every clock that there is.
type stamp struct {
	wall time.Time // with the monotonic reading, where the clock gives one
	boot time.Duration
}

func (s *Source) stamp() stamp { return stamp{wall: s.o.Clock.Now(), boot: s.o.Clock.Boot()} }

// since is the time that has passed.
func (s *Source) since(t stamp) time.Duration { return s.stamp().since(t) }

// since is the time from t on, by the clock that went furthest.
func (now stamp) since(t stamp) time.Duration {
	passed := max(now.wall.Sub(t.wall), now.wall.Round(0).Sub(t.wall.Round(0)))
	if now.boot != 0 && t.boot != 0 {
		passed = max(passed, now.boot-t.boot)
	}
	return max(passed, 0)
}

// hold makes c the credential in memory.
func (s *Source) hold(c exchange.Credential) *held {
	h := &held{c: c, at: s.stamp(), left: s.left(c)}
	h.renewAt = sync.OnceValue(func() time.Duration {
		return refreshAt(c.IssuedAt, c.IssuedAt.Add(s.lifetime(c)), s.random()).Sub(h.at.wall)
	})
	s.held.Store(h)
	return h
}

// rest is what is left of the held credential.
func (s *Source) rest(h *held) time.Duration { return h.rest(s.stamp()) }

// rest is what is left of it at a moment.
func (h *held) rest(now stamp) time.Duration {
	if eternal(h.c) {
		return forever
	}
	return h.left - now.since(h.at)
}

const (
	// forever is what is left of a static key.
	forever = time.Duration(1<<63 - 1)
	// unnamed is how long a server holds a credential whose lifetime the provider
	// did not name (GCP may omit expires_in).
	unnamed = time.Minute
	// unusable is how long before its expiry a server stops to use a credential:
	// a request takes time to reach the provider.
	unusable = 2 * time.Second
)

func eternal(c exchange.Credential) bool { return c.Kind == exchange.APIKey }

// lifetime of c, as far as it is known.
func (s *Source) lifetime(c exchange.Credential) time.Duration {
	if c.NoStore && c.Lifetime() <= 0 {
		return unnamed
	}
	return c.Lifetime()
}

// left is what the wall clock leaves of a credential that just came from the
// store or the provider.
func (s *Source) left(c exchange.Credential) time.Duration {
	if eternal(c) {
		return forever
	}
	return c.IssuedAt.Add(s.lifetime(c)).Sub(s.o.Clock.Now())
}

// margin is what a credential must have left to count as fresh.
func (s *Source) margin(c exchange.Credential) time.Duration {
	switch {
	case s.o.Margin != nil:
		return s.o.Margin(s.lifetime(c))
	case s.o.MinTTL > 0:
		return s.o.MinTTL
	}
	return min(2*time.Minute, s.lifetime(c)/4)
}

func (s *Source) fresh(c exchange.Credential) bool {
	rest := s.left(c)
	return rest > 0 && rest >= s.margin(c)
}

// warnShort says once that a new credential is handed out below the margin.
func (s *Source) warnShort(c exchange.Credential) {
	if s.fresh(c) || c.NoStore {
		return
	}
	s.warnOnce("the new credential lives shorter than wanted",
		"left", s.left(c).Truncate(time.Second), "wanted", s.margin(c))
}

// fromMemory returns the held credential while it can be used: while it is fresh,
// or, while Run looks after it, until shortly before its expiry.
func (s *Source) fromMemory() (exchange.Credential, bool) {
	h := s.held.Load()
	if h == nil {
		return exchange.Credential{}, false
	}
	now := s.stamp()
	rest := h.rest(now)
	usable := rest > 0 && rest >= s.margin(h.c) && !h.c.NoStore
	if s.running() {
		usable = rest > unusable && !s.run.wait.Load()
	}
	if !usable {
		return exchange.Credential{}, false
	}
	return h.dated(now, rest), true
}

// dated is the held credential with the expiry that our clocks leave it.
func (h *held) dated(now stamp, rest time.Duration) exchange.Credential {
	c := h.c
	if eternal(c) || c.ExpiresAt.IsZero() {
		return c
	}
	if end := now.wall.Add(rest); c.ExpiresAt.Sub(end) > time.Second {
		c.ExpiresAt = end
	}
	return c
}

// Held returns the credential in memory while it lives, without waiting for
// anything: for readiness and metrics.
func (s *Source) Held() (c exchange.Credential, left time.Duration, ok bool) {
	h := s.held.Load()
	if h == nil {
		return exchange.Credential{}, 0, false
	}
	now := s.stamp()
	rest := h.rest(now)
	return h.dated(now, rest), rest, rest > 0
}

// keepRejected is how many refused credentials are remembered.
const keepRejected = 4

func (s *Source) isRejected(c exchange.Credential) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isRejectedLocked(c)
}

func (s *Source) isRejectedLocked(c exchange.Credential) bool {
	for _, r := range s.rejected {
		if r.Same(c) {
			return true
		}
	}
	return false
}

func (s *Source) rejectLocked(c exchange.Credential) {
	if s.isRejectedLocked(c) {
		return
	}
	s.rejected = append(s.rejected, c)
	if n := len(s.rejected); n > keepRejected {
		s.rejected = s.rejected[n-keepRejected:]
	}
}

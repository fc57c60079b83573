package exchange

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/awf-cred/awf-cred/internal/safehttp"
)

// MaxLifetime is the longest lifetime that is believed; a longer one is cut to it.
const MaxLifetime = 24 * time.Hour

// lifetime is a duration that a provider named, and what is to be said about it.
type lifetime struct {
	d       time.Duration
	warning string
}

// parseSeconds reads expires_in: a positive number of seconds, fractions cut (RFC
// 6749 section 5.1). ok is false when it is none.
func parseSeconds(provider string, n json.Number) (l lifetime, ok bool) {
	f, err := strconv.ParseFloat(n.String(), 64)
	if err != nil || !(f >= 1) {
		return lifetime{}, false
	}
	if f > MaxLifetime.Seconds() {
		return clamp(provider), true
	}
	return lifetime{d: time.Duration(f) * time.Second}, true
}

func clamp(provider string) lifetime {
	return lifetime{MaxLifetime, provider + " named a lifetime of more than 24 h; the credential is used for 24 h"}
}

// maxPlausible bounds a moment of expiry: beyond it is a mistake, not a lifetime.
const maxPlausible = 100 * 365 * 24 * time.Hour

// until is the lifetime of a credential that expires at a moment of the server's
// clock: its distance from the Date of the answer, or from our clock before the
// request where there is none. Whole seconds. ok is false for one that is past or
// beyond belief.
func (r *reply) until(expiry time.Time) (l lifetime, ok bool) {
	from := r.sent
	if date, ok := safehttp.ServerDate(r.header); ok {
		from = date
	}
	d := expiry.Sub(from).Truncate(time.Second)
	switch {
	case d < time.Second || d > maxPlausible:
		return lifetime{}, false
	case d > MaxLifetime:
		return clamp(r.provider), true
	}
	return lifetime{d: d}, true
}

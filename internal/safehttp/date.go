package safehttp

import (
	"net/http"
	"time"
)

// NotableSkew is how far two clocks may differ before an error mentions it:
// Anthropic accepts 30 s (WIF reference, "Assertion requirements").
const NotableSkew = 30 * time.Second

// ServerDate reads the Date of an answer, false when it is absent or garbage.
func ServerDate(h http.Header) (time.Time, bool) {
	t, err := http.ParseTime(h.Get("Date"))
	return t, err == nil
}

// Skew is how far the server's clock is ahead of now (behind it when negative), 0
// without a Date or within [NotableSkew]. Date has whole seconds.
func Skew(h http.Header, now time.Time) time.Duration {
	t, ok := ServerDate(h)
	if !ok {
		return 0
	}
	d := t.Sub(now).Round(time.Second)
	if d.Abs() <= NotableSkew {
		return 0
	}
	return d
}

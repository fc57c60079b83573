package safehttp

import (
	"net/http"
	"strings"
	"time"
)

// MaxRetryAfter caps what a server may ask us to wait.
const MaxRetryAfter = 30 * time.Second

// ParseRetryAfter reads a Retry-After header (RFC 9110 section 10.2.3: seconds, or
// an HTTP date), capped at [MaxRetryAfter]. now is what a date is compared with:
// the Date of the same answer where there is one. The result is 0 when the header
// says nothing usable: absent, negative, past, garbage.
func ParseRetryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if header == "" {
		return 0
	}
	if strings.Trim(header, "0123456789") == "" {
		return digits(header)
	}
	t, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(t.Sub(now), 0), MaxRetryAfter)
}

// digits reads seconds; more digits than a Duration holds are simply a lot.
func digits(s string) time.Duration {
	var n time.Duration
	for _, c := range s {
		if n = 10*n + time.Duration(c-'0'); n*time.Second > MaxRetryAfter {
			return MaxRetryAfter
		}
	}
	return n * time.Second
}

// IsRetryableStatus reports whether an HTTP status says that a later attempt can
// help: 408, 425, 429 and 5xx.
func IsRetryableStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500 && status <= 599
}

package safehttp

import (
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	firstWait = time.Second
	maxWait   = 8 * time.Second
	// MaxRetryAfter caps what a server may ask us to wait.
	MaxRetryAfter = 30 * time.Second
)

// Backoff is the wait before attempt k = 2, 3, ...: uniformly between half and the
// whole of 1 s · 2^(k−2), at most 8 s. It is 0 before the first attempt. When rand
// fails, it is the whole.
func Backoff(attempt int, rand io.Reader) time.Duration {
	if attempt < 2 {
		return 0
	}
	whole := maxWait
	if k := attempt - 2; k < 3 {
		whole = firstWait << k
	}
	var b [8]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return whole
	}
	half := whole / 2
	return half + time.Duration(binary.LittleEndian.Uint64(b[:])%uint64(half+1))
}

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

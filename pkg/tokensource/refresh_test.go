package tokensource_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

func TestRefreshAt(t *testing.T) {
	t.Parallel()
	issued := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		name            string
		lifetime        time.Duration
		earliest, limit time.Duration
	}{
		{"a 60 s token is refreshed after 39 to 45 s", time.Minute, 39 * time.Second, 45 * time.Second},
		{"a 5 min token after 195 to 225 s", 5 * time.Minute, 195 * time.Second, 225 * time.Second},
		{"a 10 min token after 390 to 450 s", 10 * time.Minute, 390 * time.Second, 450 * time.Second},
		{"a 1 h token after 39 to 45 min", time.Hour, 39 * time.Minute, 45 * time.Minute},
		{"a 24 h token after 15.6 to 18 h", 24 * time.Hour, 936 * time.Minute, 18 * time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			at := func(r float64) time.Duration {
				return tokensource.RefreshAt(issued, issued.Add(tc.lifetime), r).Sub(issued)
			}
			assert.InDelta(t, tc.earliest, at(0), float64(time.Millisecond))
			assert.InDelta(t, tc.limit, at(1), float64(time.Millisecond))
			assert.InDelta(t, (tc.earliest+tc.limit)/2, at(0.5), float64(time.Millisecond))
		})
	}
}

package safehttp_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/safehttp"
)

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		header string
		want   time.Duration
	}{
		{"", 0}, {"0", 0}, {"1", time.Second}, {" 7 ", 7 * time.Second}, {"30", 30 * time.Second}, {"31", 30 * time.Second},
		{"1000000000", 30 * time.Second}, {strings.Repeat("9", 400), 30 * time.Second},
		{"-1", 0}, {"+1", 0}, {"1.5", 0}, {"1e9", 0}, {"soon", 0}, {"\x00", 0},
		{now.Add(5 * time.Second).Format(http.TimeFormat), 5 * time.Second},
		{now.Add(-time.Hour).Format(http.TimeFormat), 0},
		{"Fri, 31 Dec 2099 23:59:59 GMT", 30 * time.Second},
		{"Fri, 99 Foo 2099", 0},
	} {
		t.Run(fmt.Sprintf("%.40q", c.header), func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, safehttp.ParseRetryAfter(c.header, now))
		})
	}
}

func TestIsRetryableStatus(t *testing.T) {
	t.Parallel()
	for _, s := range []int{408, 425, 429, 500, 502, 503, 504, 529, 599} {
		assert.True(t, safehttp.IsRetryableStatus(s), s)
	}
	for _, s := range []int{0, 200, 301, 400, 401, 403, 404, 413, 422, 600} {
		assert.False(t, safehttp.IsRetryableStatus(s), s)
	}
}

func TestSkew(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		date string
		want time.Duration
	}{
		{"", 0}, {"garbage", 0},
		{now.Add(29 * time.Second).Format(http.TimeFormat), 0},
		{now.Add(31 * time.Second).Format(http.TimeFormat), 31 * time.Second},
		{now.Add(-6 * time.Minute).Format(http.TimeFormat), -6 * time.Minute},
		{now.Add(24 * time.Hour).Format(http.TimeFormat), 24 * time.Hour},
	} {
		assert.Equal(t, c.want, safehttp.Skew(http.Header{"Date": {c.date}}, now), c.date)
	}
}

// FuzzParseRetryAfter: whatever a server says, the wait is between 0 and the cap.
func FuzzParseRetryAfter(f *testing.F) {
	for _, s := range []string{"1", "-1", "1e9", "Fri, 31 Dec 2099 23:59:59 GMT", "99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := safehttp.ParseRetryAfter(s, time.Unix(0, 0))
		require.GreaterOrEqual(t, d, time.Duration(0))
		require.LessOrEqual(t, d, safehttp.MaxRetryAfter)
	})
}

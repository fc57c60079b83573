package exchange_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/scrub"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// canned answers every request with the same bytes, without a network.
type canned struct {
	status int
	header http.Header
	body   []byte
}

func (c canned) Do(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: c.status, Header: c.header, Body: io.NopCloser(bytes.NewReader(c.body))}, nil
}

// FuzzAnswers: whatever a token endpoint answers, each provider either grants a
// credential whose secrets are safe to print and whose lifetime is bounded, or
// fails with a bounded error on one line that has a class and no part of the
// assertion.
func FuzzAnswers(f *testing.F) {
	for _, v := range vendors {
		f.Add(uint16(200), "id-1", []byte(v.grant(token, 600)))
		f.Add(uint16(400), jwt, []byte(v.refusal(v.final[0].code, "no "+jwt)))
	}
	for _, s := range []string{
		``, `{}`, `{"access_token":"a","token_type":"bearer","expires_in":1e308}`, `{"access_token":"a","access_token":"b"}`,
		`{"error":{"type":"x","message":"::add-mask::"}}`, `{"error_codes":[1e9],"error_description":"AADSTS7"}`,
		`{"accessToken":"a","expireTime":"2026-01-02T04:04:05Z"}`, "<a xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><b/></a>", "<!DOCTYPE a>", "\xff",
	} {
		f.Add(uint16(200), "", []byte(s))
	}
	f.Fuzz(func(t *testing.T, status uint16, id string, body []byte) {
		for _, v := range vendors {
			d := canned{int(status)%500 + 100, http.Header{http.CanonicalHeaderKey(v.id): {id}, "Retry-After": {id}, "Date": {id}, "Location": {id}}, body}
			x, err := v.build("https://token.test/", d)
			require.NoError(t, err)
			c, err := x.Exchange(t.Context(), assertion())
			if err != nil {
				failsWell(t, err)
				continue
			}
			require.Equal(t, 200, d.status)
			require.NoError(t, scrub.CheckToken(v.secret(c)))
			require.NotEqual(t, jwt, v.secret(c))
			require.LessOrEqual(t, c.Lifetime(), exchange.MaxLifetime)
			require.True(t, c.Lifetime() > 0 || c.NoStore)
			require.False(t, strings.ContainsAny(c.RequestID+c.Scope+c.Warning, "\n\r\x1b"))
		}
	})
}

func failsWell(t *testing.T, err error) {
	t.Helper()
	var e *exchange.Error
	require.True(t, errors.As(err, &e))
	require.Contains(t, []exchange.Cause{exchange.Refused, exchange.Unavailable}, e.Cause)
	require.False(t, e.Unsent)
	require.LessOrEqual(t, e.RetryAfter, 30*time.Second)
	text := e.Error() + "|" + e.RequestID
	require.Less(t, len(text), 4096)
	require.False(t, strings.ContainsAny(text, "\n\r\x1b\x00\u2028\u202e"), text)
	for i := 0; i+12 <= len(jwt); i++ {
		require.NotContains(t, text+"|"+e.Hint, jwt[i:i+12])
	}
}

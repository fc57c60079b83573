package ghoidc_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/jwt"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/ghoidc"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

type canned struct {
	status int
	header http.Header
	body   []byte
}

func (c canned) Do(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: c.status, Header: c.header, Body: io.NopCloser(bytes.NewReader(c.body))}, nil
}

// FuzzMint: whatever the endpoint answers, the result is a JWT for the audience
// that is valid by the clock of the answer, or a bounded error on one line.
func FuzzMint(f *testing.F) {
	for _, body := range []string{`{"value":"` + token(good()) + `"}`, `{"value":1}`, `{"message":"::add-mask::x"}`, `<html>`, ``, `{"value":"a.b.c"}`} {
		f.Add(uint16(200), "Fri, 02 Jan 2026 03:04:05 GMT", []byte(body))
		f.Add(uint16(403), "x", []byte(body))
	}
	f.Fuzz(func(t *testing.T, status uint16, head string, body []byte) {
		d := canned{int(status)%500 + 100, http.Header{"Date": {head}, "Retry-After": {head}, "X-Github-Request-Id": {head}, "Location": {head}}, body}
		c, err := ghoidc.New(ghoidc.Options{RequestURL: "https://mint.test/", RequestToken: secret.New("request-token-canary"), Doer: d, Now: clock})
		require.NoError(t, err)
		tok, err := c.Mint(t.Context(), audience)
		var e *exchange.Error
		if errors.As(err, &e) {
			text := e.Error() + "|" + e.RequestID
			require.Less(t, len(text), 4096)
			require.False(t, strings.ContainsAny(text, "\n\r\x1b\x00"), text)
			require.NotContains(t, text, "request-token-canary")
			return
		}
		require.NoError(t, err)
		claims, err := jwt.Parse(tok.Value.Reveal())
		require.NoError(t, err)
		require.NoError(t, claims.CheckAudience(audience))
	})
}

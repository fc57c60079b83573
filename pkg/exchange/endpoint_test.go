package exchange_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/awf-cred/awf-cred/internal/safehttp"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func clock() time.Time { return now }

// jwt is an assertion whose parts are long enough to be recognised in an echo.
var jwt = func() string {
	b := base64.RawURLEncoding.EncodeToString
	return b([]byte(`{"alg":"RS256","kid":"assertion-canary"}`)) + "." + b([]byte(`{"sub":"repo:o/r:ref:refs/heads/main","jti":"payload-canary"}`)) +
		"." + b([]byte("signature-canary-0123456789-abcdefghijklmnop"))
}()

func assertion() exchange.Assertion {
	return exchange.Assertion{
		Token: secret.New(jwt), ID: "d1", ExpiresAt: now.Add(5 * time.Minute), Minted: true,
		Issuer: "https://token.actions.githubusercontent.com", Subject: "repo:o/r:ref:refs/heads/main", Audience: []string{"https://aud"},
	}
}

// endpoint is a token endpoint that writes raw answers, one a connection, and
// records what it received.
type endpoint struct {
	*httptest.Server
	mu    sync.Mutex
	got   []received
	reply func(n int) string // n counts from 0
}

type received struct {
	method, path string
	header       http.Header
	body         string
}

// listen starts an endpoint that answers with reply.
func listen(t *testing.T, reply func(n int) string) *endpoint {
	t.Helper()
	e := &endpoint{reply: reply}
	e.Server = httptest.NewServer(http.HandlerFunc(e.serve))
	t.Cleanup(e.Close)
	return e
}

func always(raw string) func(int) string { return func(int) string { return raw } }

func (e *endpoint) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	e.mu.Lock()
	n := len(e.got)
	e.got = append(e.got, received{r.Method, r.URL.RequestURI(), r.Header, string(body)})
	e.mu.Unlock()
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, e.reply(n))
}

func (e *endpoint) received() []received {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]received(nil), e.got...)
}

// raw is a whole answer. Headers are lines with their ends.
func raw(status int, headers, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\nDate: %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
		status, now.Format(http.TimeFormat), headers, len(body), body)
}

func doer(t *testing.T) exchange.Doer {
	t.Helper()
	c, err := safehttp.New(safehttp.Options{})
	require.NoError(t, err)
	return c
}

// failure is the *Error that an exchange must end with; no text of it may hold a
// part of the assertion, a control character or a second line.
func failure(t *testing.T, err error) *exchange.Error {
	t.Helper()
	var e *exchange.Error
	require.ErrorAs(t, err, &e)
	text := e.Error() + "|" + e.Hint + "|" + e.RequestID
	for i := 0; i+12 <= len(jwt); i++ {
		require.NotContains(t, text, jwt[i:i+12])
	}
	for _, r := range e.Error() + e.RequestID {
		require.True(t, r >= ' ' && r != 0x7f && r != 0x2028 && r != 0x202e, "%q in %q", r, e.Error())
	}
	assert.Less(t, len(e.Error()), 2048)
	return e
}

var _ = []tokensource.Exchanger{(*exchange.Anthropic)(nil), (*exchange.AWSRole)(nil), (*exchange.GCP)(nil), (*exchange.Azure)(nil), (*exchange.OpenAI)(nil)}

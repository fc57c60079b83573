package ghoidc_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/safehttp"
	"github.com/awf-cred/awf-cred/internal/sandbox"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/ghoidc"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

const audience = "https://api.anthropic.com"

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func clock() time.Time { return now }

func token(claims string) string {
	b := base64.RawURLEncoding.EncodeToString
	return b([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + b([]byte(claims)) + "." + b([]byte("signature"))
}

// at is a payload with times relative to now.
func at(nbf, exp time.Duration, more string) string {
	return fmt.Sprintf(`{"iss":"https://i","sub":"repo:o/r","aud":%q,"nbf":%d,"exp":%d%s}`,
		audience, now.Add(nbf).Unix(), now.Add(exp).Unix(), more)
}

func good() string { return at(-10*time.Minute, 5*time.Minute, `,"jti":"j"`) }

// client asks a server that handles every request with h.
func client(t *testing.T, requestToken string, h http.HandlerFunc) (*ghoidc.Client, *httptest.Server) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	doer, err := safehttp.New(safehttp.Options{})
	require.NoError(t, err)
	c, err := ghoidc.New(ghoidc.Options{RequestURL: s.URL + "/idtoken?api-version=2.0&x=a%2Fb", RequestToken: secret.New(requestToken),
		Doer: doer, Now: clock, UserAgent: "awf-cred/test"})
	require.NoError(t, err)
	return c, s
}

// answer writes a body under the date of the test.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", now.Format(http.TimeFormat))
		w.Header().Set("X-GitHub-Request-Id", "0400:1A2B:3C")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func failure(t *testing.T, err error) *exchange.Error {
	t.Helper()
	var e *exchange.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "github", e.Provider)
	assert.Equal(t, "mint", e.Step)
	assert.NotContains(t, e.Error()+e.Hint, "\x1b")
	return e
}

func TestMintAsksAsTheToolkitDoes(t *testing.T) {
	t.Parallel()
	var got *http.Request
	c, _ := client(t, " request-token\n", func(w http.ResponseWriter, r *http.Request) {
		got = r
		answer(200, `{"count":1,"value":"`+token(good())+`"}`)(w, r)
	})
	tok, err := c.Mint(t.Context(), "api://Azure AD&x")
	require.ErrorContains(t, err, "aud: the token is for")
	require.Zero(t, tok)
	assert.Equal(t, "GET", got.Method)
	assert.Equal(t, "/idtoken?api-version=2.0&x=a%2Fb&audience=api%3A%2F%2FAzure+AD%26x", got.RequestURI)
	assert.Equal(t, "Bearer request-token", got.Header.Get("Authorization"))
	assert.Equal(t, "application/json", got.Header.Get("Accept"))
	assert.Equal(t, "awf-cred/test", got.Header.Get("User-Agent"))

	tok, err = c.Mint(t.Context(), "")
	require.NoError(t, err, "without an audience GitHub's default is as good as any")
	assert.Equal(t, "/idtoken?api-version=2.0&x=a%2Fb", got.RequestURI)
	assert.Equal(t, "repo:o/r", tok.Subject)
	a := tok.Assertion()
	assert.Equal(t, token(good()), a.Token.Reveal())
	assert.True(t, a.Minted)
	assert.Len(t, a.ID, 64)
	assert.Equal(t, now.Add(5*time.Minute), a.ExpiresAt)
	assert.Equal(t, "https://i", tok.Claims["iss"])
}

func TestMintOfTheSandbox(t *testing.T) {
	t.Parallel()
	box := sandbox.Start(t, sandbox.WithTLS(), sandbox.With(func(c *sandbox.Config) { c.EnterpriseSlug = "octo" }))
	doer, err := safehttp.New(safehttp.Options{CAFile: box.CAFile()})
	require.NoError(t, err)
	o := ghoidc.FromEnv(lookup(box.GitHubEnv()))
	o.Doer, o.Now = doer, time.Now
	c, err := ghoidc.New(o)
	require.NoError(t, err)
	first, err := c.Mint(t.Context(), audience)
	require.NoError(t, err)
	second, err := c.Mint(t.Context(), audience)
	require.NoError(t, err)
	assert.NotEqual(t, first.ID, second.ID, "each mint is a new token")
	assert.Equal(t, []string{audience}, first.Audience)
	assert.True(t, strings.HasSuffix(first.Issuer, "/octo"))
	assert.Equal(t, "octo-org/octo-repo", first.Claims["repository"])

	other, err := ghoidc.New(ghoidc.Options{RequestURL: o.RequestURL, RequestToken: secret.New("another"), Doer: doer, Now: time.Now})
	require.NoError(t, err)
	assert.NotEqual(t, c.Fingerprint(), other.Fingerprint(), "two jobs never share a fingerprint")
	assert.NotContains(t, c.Fingerprint(), o.RequestToken.Reveal())
}

func lookup(env []string) func(string) string {
	return func(name string) string {
		for _, e := range env {
			if v, ok := strings.CutPrefix(e, name+"="); ok {
				return v
			}
		}
		return ""
	}
}

// F020 and T33: what is wrong with the two variables is found before any network.
func TestVariables(t *testing.T) {
	t.Parallel()
	const u, tok = "https://pipelines.actions.githubusercontent.com/x?api-version=2.0", "t0ken-canary"
	for _, c := range []struct {
		name, url, token string
		cause            exchange.Cause
		want             string
	}{
		{"both missing", "", "", exchange.Identity, "ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set"},
		{"both blank", " ", "\t\n", exchange.Identity, "ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set"},
		{"no URL", "", tok, exchange.Identity, "ACTIONS_ID_TOKEN_REQUEST_URL is not set"},
		{"no token", u, "", exchange.Identity, "ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set"},
		{"a URL with a line end", u + "\r\nX: y", tok, exchange.Identity, "ACTIONS_ID_TOKEN_REQUEST_URL is not a URL"},
		{"a URL with NUL", u + "\x00", tok, exchange.Identity, "ACTIONS_ID_TOKEN_REQUEST_URL is not a URL"},
		{"not a URL", "hello", tok, exchange.Identity, "ACTIONS_ID_TOKEN_REQUEST_URL is not a URL"},
		{"plain http", "http://ghes.example/x", tok, exchange.Usage, "is plain http"},
		{"a user name in it", "https://u:p@ghes.example/x", tok, exchange.Usage, "has a user name in it"},
		{"a token with a line end", u, tok + "\r\nX: y", exchange.Identity, "ACTIONS_ID_TOKEN_REQUEST_TOKEN has a character in it"},
		{"a token that is not UTF-8", u, tok + "\xff", exchange.Identity, "ACTIONS_ID_TOKEN_REQUEST_TOKEN has a character in it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := ghoidc.New(ghoidc.Options{RequestURL: c.url, RequestToken: secret.New(c.token), Doer: http.DefaultClient, Now: time.Now})
			e := failure(t, err)
			assert.ErrorIs(t, err, c.cause)
			assert.Contains(t, e.Error(), c.want)
			assert.NotContains(t, e.Error(), tok)
			assert.True(t, e.Unsent)
			if strings.Contains(c.want, "not set") {
				assert.Contains(t, e.Hint, "permissions: id-token: write")
				assert.Contains(t, e.Hint, "forks")
			}
		})
	}
	_, err := ghoidc.New(ghoidc.Options{})
	assert.ErrorIs(t, err, exchange.Internal)
}

// F021 to F024.
func TestStatuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status  int
		cause   exchange.Cause
		retries int
		hint    string
	}{
		{400, exchange.Identity, 0, "audience"}, {401, exchange.Identity, 0, "different jobs"}, {404, exchange.Identity, 0, "the job is over"},
		{410, exchange.Identity, 0, ""}, {204, exchange.Identity, 0, ""}, {403, exchange.Identity, 2, "permissions: id-token: write"},
		{408, exchange.Unavailable, -1, ""}, {425, exchange.Unavailable, -1, ""}, {429, exchange.Unavailable, -1, ""},
		{500, exchange.Unavailable, -1, ""}, {502, exchange.Unavailable, -1, ""}, {503, exchange.Unavailable, -1, ""}, {504, exchange.Unavailable, -1, ""},
	} {
		t.Run(fmt.Sprint(c.status), func(t *testing.T) {
			t.Parallel()
			cl, _ := client(t, "request-token-canary", answer(c.status, `{"message":"No \u001b[31mway, Bearer request-token-canary"}`))
			_, err := cl.Mint(t.Context(), audience)
			e := failure(t, err)
			assert.ErrorIs(t, err, c.cause)
			assert.Equal(t, c.status, e.Status)
			assert.Equal(t, c.retries, e.Retries)
			assert.Equal(t, "0400:1A2B:3C", e.RequestID)
			assert.False(t, e.Unsent)
			if c.status != 204 {
				assert.Equal(t, `No \x1b[31mway, (redacted)`, e.Description)
			}
			if c.hint == "" {
				assert.Empty(t, e.Hint)
			} else {
				assert.Contains(t, e.Hint, c.hint)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	c, _ := client(t, "t", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", now.Add(7*time.Second).Format(http.TimeFormat))
		answer(503, "")(w, r)
	})
	_, err := c.Mint(t.Context(), audience)
	assert.Equal(t, 7*time.Second, failure(t, err).RetryAfter)
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	c, _ := client(t, "t", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://evil.test/?"+r.URL.RawQuery+"#"+r.Header.Get("Authorization"))
		answer(302, "")(w, r)
	})
	_, err := c.Mint(t.Context(), audience)
	e := failure(t, err)
	assert.ErrorIs(t, err, exchange.Identity)
	assert.Equal(t, "github mint: HTTP 302: the mint endpoint redirects to the host evil.test, which is not followed", e.Error())
}

// F034.
func TestARequestTokenThatHasEnded(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403} {
		c, _ := client(t, token(at(-7*time.Hour, -10*time.Minute, "")), answer(status, ""))
		_, err := c.Mint(t.Context(), audience)
		e := failure(t, err)
		assert.ErrorIs(t, err, exchange.Identity)
		assert.Zero(t, e.Retries)
		assert.Contains(t, e.Error(), "the job's request token (ACTIONS_ID_TOKEN_REQUEST_TOKEN) has ended: exp: the token expired 10m0s ago")
	}
}

// F030 and F031.
func TestAnswersThatAreNoToken(t *testing.T) {
	t.Parallel()
	value := func(v string) string { return `{"value":"` + v + `"}` }
	for _, c := range []struct{ name, body, want string }{
		{"an empty body", "", "the answer is empty"},
		{"HTML", "<html>", "the answer is not JSON"},
		{"an empty object", "{}", "value is absent"},
		{"an empty value", value(""), "value is empty"},
		{"null", `{"value":null}`, "value is null"},
		{"a number", `{"value":7}`, "value is a number"},
		{"2 MiB", value(strings.Repeat("a", 2<<20)), "more than 1 MiB"},
		{"not a JWT", value("hello"), "are expected, not 1"},
		{"three dots", value("a.b.c.d"), "are expected, not 4"},
		{"bad base64", value("a+.b.c"), "header: is not base64url"},
		{"a payload that is no JSON", value(token("hello")), "payload: is not JSON"},
		{"a payload that is an array", value(token("[1]")), "payload: is not a JSON object"},
		{"two values", `{"value":"a","value":"b"}`, "has a key twice"},
		{"an expired token", value(token(at(-time.Hour, -5*time.Minute, ""))), "exp: the token expired 5m0s ago"},
		{"a token of the future", value(token(at(10*time.Minute, time.Hour, ""))), "nbf: the token is not valid for another 10m0s"},
		{"a token without exp", value(token(`{"aud":"` + audience + `"}`)), "exp: is absent"},
		{"exp as a string", value(token(`{"exp":"1"}`)), "exp: is a string"},
		{"another audience", value(token(strings.Replace(good(), audience, "other", 1))), `the token is for "other", not for "` + audience + `"`},
		{"17 KiB", value(token(at(0, time.Hour, `,"x":"`+strings.Repeat("a", 13<<10)+`"`))), "more than the 16384 allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cl, _ := client(t, "t", answer(200, c.body))
			_, err := cl.Mint(t.Context(), audience)
			e := failure(t, err)
			assert.ErrorIs(t, err, exchange.Identity)
			assert.Zero(t, e.Retries)
			assert.Contains(t, e.Error(), "HTTP 200: the mint endpoint answered, but ")
			assert.Contains(t, e.Error(), c.want)
			assert.Less(t, len(e.Error()), 1024)
		})
	}
}

// The server's clock judges its own tokens: ours may be a day off.
func TestTheDateOfTheAnswerIsTheClock(t *testing.T) {
	t.Parallel()
	c, s := client(t, "t", answer(200, `{"value":"`+token(good())+`"}`))
	_, err := c.Mint(t.Context(), audience)
	require.NoError(t, err)
	doer, err := safehttp.New(safehttp.Options{})
	require.NoError(t, err)
	off, err := ghoidc.New(ghoidc.Options{RequestURL: s.URL, RequestToken: secret.New("t"), Doer: doer,
		Now: func() time.Time { return now.Add(24 * time.Hour) }})
	require.NoError(t, err)
	_, err = off.Mint(t.Context(), audience)
	require.NoError(t, err)
}

// F026 and F029.
func TestNetworkFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		h      http.HandlerFunc
		status int
		want   string
	}{
		{"a body shorter than it should be", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "999")
			_, _ = w.Write([]byte(`{"value":"eyJ`))
		}, 200, "the answer ended too early"},
		{"a connection that ends without an answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, "closed before an answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cl, _ := client(t, "t", c.h)
			_, err := cl.Mint(t.Context(), audience)
			e := failure(t, err)
			assert.ErrorIs(t, err, exchange.Unavailable)
			assert.Equal(t, exchange.RetryAlways, e.Retries)
			assert.Equal(t, c.status, e.Status)
			assert.Contains(t, e.Error(), "127.0.0.1")
			assert.Contains(t, e.Error(), c.want)
			assert.False(t, e.Unsent)
		})
	}
	c, s := client(t, "t", nil)
	s.Close()
	_, err := c.Mint(t.Context(), audience)
	e := failure(t, err)
	assert.True(t, e.Unsent)
	assert.Contains(t, e.Error(), "connection refused")
}

package exchange_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

const account = "ci@my-project.iam.gserviceaccount.com"

func gcp(t *testing.T, e *endpoint, edit func(*exchange.GCPParams)) *exchange.GCP {
	t.Helper()
	p := exchange.GCPParams{WorkloadIdentityProvider: pool, TokenURL: e.URL + "/v1/token", IAMURL: e.URL + "/iam/", UserAgent: "awf-cred/test", Now: clock}
	if edit != nil {
		edit(&p)
	}
	x, err := exchange.NewGCP(p, doer(t))
	require.NoError(t, err)
	return x
}

func TestGCPDirect(t *testing.T) {
	t.Parallel()
	e := listen(t, always(raw(200, "", jsonGrant("ya29.direct", 299))))
	x := gcp(t, e, func(p *exchange.GCPParams) {
		p.Scopes = []string{"https://www.googleapis.com/auth/a", "https://www.googleapis.com/auth/b"}
	})
	c, err := x.Exchange(t.Context(), assertion())
	require.NoError(t, err)
	assert.Equal(t, "ya29.direct", c.Token.Reveal())
	assert.Equal(t, 299*time.Second, c.Lifetime())

	got := e.received()
	require.Len(t, got, 1)
	assert.Equal(t, "application/x-www-form-urlencoded", got[0].header.Get("Content-Type"))
	assert.Empty(t, got[0].header.Get("Authorization"))
	form, err := url.ParseQuery(got[0].body)
	require.NoError(t, err)
	assert.Equal(t, url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "audience": {"//iam.googleapis.com/" + pool},
		"scope":                {"https://www.googleapis.com/auth/a https://www.googleapis.com/auth/b"},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}, "subject_token": {jwt},
	}, form)
}

func TestGCPWorkforce(t *testing.T) {
	t.Parallel()
	e := listen(t, always(raw(200, "", jsonGrant("ya29.x", 299))))
	x := gcp(t, e, func(p *exchange.GCPParams) {
		p.WorkloadIdentityProvider = "locations/global/workforcePools/w/providers/x"
		p.QuotaProject = "my-project"
	})
	_, err := x.Exchange(t.Context(), assertion())
	require.NoError(t, err)
	form, err := url.ParseQuery(e.received()[0].body)
	require.NoError(t, err)
	assert.Equal(t, `{"userProject":"my-project"}`, form.Get("options"))
	assert.Equal(t, "//iam.googleapis.com/locations/global/workforcePools/w/providers/x", form.Get("audience"))
}

func TestGCPImpersonation(t *testing.T) {
	t.Parallel()
	later := now.Add(2 * time.Hour)
	e := listen(t, func(n int) string {
		if n == 0 {
			return raw(200, "", rawGrant("opaque-federated-token", `"Bearer"`, "")) // expires_in may be absent here
		}
		return raw(200, "X-Request-Id: iam-1\r\n", `{"accessToken":"ya29.impersonated","expireTime":"`+later.Format(time.RFC3339Nano)+`"}`)
	})
	x := gcp(t, e, func(p *exchange.GCPParams) {
		p.ServiceAccount, p.TokenLifetime = account, 2*time.Hour
		p.Scopes = []string{"https://www.googleapis.com/auth/a"}
		p.Delegates = []string{"mid@p.iam.gserviceaccount.com", "projects/-/serviceAccounts/next@p.iam.gserviceaccount.com"}
	})
	c, err := x.Exchange(t.Context(), assertion())
	require.NoError(t, err)
	assert.Equal(t, "ya29.impersonated", c.Token.Reveal())
	assert.Equal(t, later, c.ExpiresAt)
	assert.Equal(t, "iam-1", c.RequestID)
	assert.False(t, c.NoStore)

	got := e.received()
	require.Len(t, got, 2)
	form, err := url.ParseQuery(got[0].body)
	require.NoError(t, err)
	assert.Equal(t, "https://www.googleapis.com/auth/cloud-platform", form.Get("scope"), "what impersonation needs")
	assert.Equal(t, "/iam/v1/projects/-/serviceAccounts/"+account+":generateAccessToken", got[1].path)
	assert.Equal(t, "Bearer opaque-federated-token", got[1].header.Get("Authorization"))
	assert.JSONEq(t, `{"scope":["https://www.googleapis.com/auth/a"],"lifetime":"7200s","delegates":["projects/-/serviceAccounts/mid@p.iam.gserviceaccount.com","projects/-/serviceAccounts/next@p.iam.gserviceaccount.com"]}`, got[1].body)
	assert.NotContains(t, got[1].body, jwt)
}

// F053: the error says which of the two steps it was, and that the assertion is
// spent.
func TestGCPImpersonationFailures(t *testing.T) {
	t.Parallel()
	iam := func(status, text string) string {
		return `{"error":{"code":403,"message":` + quoteJSON(text) + `,"status":"` + status + `"}}`
	}
	ok := func(body string) string { return raw(200, "", body) }
	at := now.Add(time.Hour).Format(time.RFC3339)
	for _, c := range []struct {
		name, answer, want string
		cause              exchange.Cause
		retries            int
		hint               string
	}{
		{"403", raw(403, "", iam("PERMISSION_DENIED", "denied: opaque-federated-token and "+jwt)), "HTTP 403: PERMISSION_DENIED: denied: (redacted) and (redacted)", exchange.Refused, 0, "roles/iam.workloadIdentityUser on " + account},
		{"404", raw(404, "", iam("NOT_FOUND", "no")), "NOT_FOUND", exchange.Refused, 0, "AWF_AUTH_GCP_SERVICE_ACCOUNT"},
		{"400", raw(400, "", iam("INVALID_ARGUMENT", "no")), "INVALID_ARGUMENT", exchange.Refused, 0, "AWF_AUTH_GCP_TOKEN_LIFETIME"},
		{"429", raw(429, "Retry-After: 3\r\n", iam("RESOURCE_EXHAUSTED", "slow")), "HTTP 429", exchange.Unavailable, -1, ""},
		{"503", raw(503, "", ""), "HTTP 503", exchange.Unavailable, -1, ""},
		{"a reset", "", "closed before an answer", exchange.Unavailable, -1, ""},
		{"a cut answer", raw(200, "", strings.Repeat(" ", 99))[:150], "", exchange.Unavailable, -1, ""},
		{"a redirect", raw(307, "Location: https://evil.test/x\r\n", ""), "redirects to the host evil.test", exchange.Refused, 0, ""},
		{"no token", ok("{}"), "accessToken is absent", exchange.Refused, 0, ""},
		{"an error under 200", ok(iam("PERMISSION_DENIED", "no")), "PERMISSION_DENIED: accessToken is absent: no", exchange.Refused, 0, ""},
		{"garbage", ok("<html>"), "accessToken cannot be read", exchange.Refused, 0, ""},
		{"a token with a blank", ok(`{"accessToken":"a b","expireTime":"` + at + `"}`), "accessToken has a character", exchange.Refused, 0, ""},
		{"the assertion", ok(`{"accessToken":"` + jwt + `","expireTime":"` + at + `"}`), "accessToken is the assertion itself", exchange.Refused, 0, ""},
		{"no expireTime", ok(`{"accessToken":"a"}`), "expireTime is absent", exchange.Refused, 0, ""},
		{"a past expireTime", ok(`{"accessToken":"a","expireTime":"2020-01-01T00:00:00Z"}`), "expireTime is past", exchange.Refused, 0, ""},
		{"an expireTime in 9999", ok(`{"accessToken":"a","expireTime":"9999-01-01T00:00:00Z"}`), "beyond belief", exchange.Refused, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := listen(t, func(n int) string {
				if n == 0 {
					return raw(200, "", jsonGrant("opaque-federated-token", 299))
				}
				return c.answer
			})
			_, err := gcp(t, e, func(p *exchange.GCPParams) { p.ServiceAccount = account }).Exchange(t.Context(), assertion())
			f := failure(t, err)
			assert.ErrorIs(t, err, c.cause)
			assert.Equal(t, "impersonation", f.Step)
			assert.Equal(t, c.retries, f.Retries)
			assert.False(t, f.Unsent, "the assertion was sent in the first step")
			assert.Contains(t, f.Error(), c.want)
			assert.NotContains(t, f.Error(), "federated-token")
			assert.Contains(t, f.Hint, c.hint)
			assert.Len(t, e.received(), 2)
		})
	}
	t.Run("nobody at the second endpoint", func(t *testing.T) {
		t.Parallel()
		e := listen(t, always(raw(200, "", jsonGrant("opaque-federated-token", 299))))
		_, err := gcp(t, e, func(p *exchange.GCPParams) { p.ServiceAccount, p.IAMURL = account, "http://127.0.0.1:1" }).Exchange(t.Context(), assertion())
		assert.False(t, failure(t, err).Unsent)
	})
}

func TestGCPNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{pool, "//iam.googleapis.com/" + pool, "https://iam.googleapis.com/" + pool} {
		x, err := exchange.NewGCP(exchange.GCPParams{WorkloadIdentityProvider: name}, http.DefaultClient)
		require.NoError(t, err)
		assert.Equal(t, "https://iam.googleapis.com/"+pool, x.Audience(), name)
	}
	x, err := exchange.NewGCP(exchange.GCPParams{WorkloadIdentityProvider: pool, UniverseDomain: "apis-tpczero.goog"}, http.DefaultClient)
	require.NoError(t, err)
	assert.Equal(t, "https://iam.apis-tpczero.goog/"+pool, x.Audience())
	assert.False(t, x.SingleUse(assertion()))

	for _, bad := range []string{"", "p", strings.Replace(pool, "123", "my-project", 1), strings.Replace(pool, "global", "us", 1), pool + "/x", strings.Replace(pool, "/x", "/", 1),
		strings.Replace(pool, "/p/", "/p?q/", 1), "http://iam.googleapis.com/" + pool, "locations/global/workforcePools/w"} {
		assert.Error(t, exchange.CheckGCPProvider(bad), bad)
	}
	assert.ErrorContains(t, exchange.CheckGCPProvider(strings.Replace(pool, "123", "my-project", 1)), "the project's number is wanted")
	for _, bad := range []string{"", "ci", "@p.iam.gserviceaccount.com", "ci@localhost", "ci@p/../x.com", "c i@p.com", "ci@p.com:generateIdToken"} {
		assert.Error(t, exchange.CheckGCPServiceAccount(bad), bad)
	}
	assert.NoError(t, exchange.CheckGCPServiceAccount("123-compute@developer.gserviceaccount.com"))
	for _, bad := range []string{"", "localhost", "a..b", "-a.b", "a.b/", "a.b:1", "a_b.c"} {
		assert.Error(t, exchange.CheckGCPUniverse(bad), bad)
	}
	for _, bad := range []string{"", "A", "a b", "a/b"} {
		assert.Error(t, exchange.CheckGCPProject(bad), bad)
	}
	assert.NoError(t, exchange.CheckGCPProject("example.com:my-project-1"))

	_, err = exchange.NewGCP(exchange.GCPParams{TokenLifetime: time.Minute, Delegates: []string{"x"}, Scopes: []string{""}, UniverseDomain: "x", QuotaProject: "A", IAMURL: "http://h", ServiceAccount: ""}, http.DefaultClient)
	for _, want := range []string{"workload_identity_provider is missing", "token_lifetime is not 10m to 12h", "delegates is not an address", "delegates need a service_account",
		"scope is missing", "universe_domain is not a domain", "quota_project is not the id", "iam_url is plain http"} {
		assert.ErrorContains(t, err, want)
	}
}

func TestGCPHints(t *testing.T) {
	t.Parallel()
	v := vendors[2]
	require.Equal(t, "gcp", v.name)
	for _, c := range []struct{ code, text, want string }{
		{"invalid_grant", "The audience in ID Token [x] does not match the expected audience y.", "expects another audience: presented sub"},
		{"invalid_grant", "ID Token issued at 1700000000 is stale to sign-in.", "issued too long ago"},
		{"invalid_grant", "The issuer in ID Token does not match", "is not that of the provider"},
		{"invalid_grant", "other", `presented: sub "repo:o/r`},
		{"unauthorized_client", "The given credential is rejected by the attribute condition.", "attribute condition did not match"},
		{"invalid_target", "x", "AWF_AUTH_GCP_WORKLOAD_IDENTITY_PROVIDER"},
		{"invalid_scope", "x", "AWF_AUTH_GCP_SCOPE"},
	} {
		assert.Contains(t, v.refused(t, raw(400, "", rfc6749(c.code, c.text))).Hint, c.want, c.text)
	}
}

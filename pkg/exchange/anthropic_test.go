package exchange_test

import (
	"encoding/json"
	"net/http"
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

const organization = "00000000-1111-2222-3333-444444444444"

func anthropicParams(url string) exchange.AnthropicParams {
	return exchange.AnthropicParams{FederationRuleID: "fdrl_01", OrganizationID: organization, ServiceAccountID: "svac_01",
		TokenURL: url, UserAgent: "awf-cred/test", Now: clock}
}

func anthropic(t *testing.T, url string) *exchange.Anthropic {
	t.Helper()
	x, err := exchange.NewAnthropic(anthropicParams(url), doer(t))
	require.NoError(t, err)
	return x
}

const anthropicGrant = `{"access_token":"sk-ant-oat01-abc","token_type":"Bearer","expires_in":600,"scope":"workspace:developer"}`

func TestAnthropicRequest(t *testing.T) {
	t.Parallel()
	e := listen(t, always(raw(200, "Request-Id: req_011\r\n", anthropicGrant)))
	c, err := anthropic(t, e.URL+"/v1/oauth/token").Exchange(t.Context(), assertion())
	require.NoError(t, err)
	assert.Equal(t, "sk-ant-oat01-abc", c.Token.Reveal())
	c.Token = secret.Value{}
	assert.Equal(t, exchange.Credential{
		Provider: "anthropic", Kind: exchange.Bearer, IssuedAt: now, ExpiresAt: now.Add(10 * time.Minute),
		Scope: "workspace:developer", RequestID: "req_011",
	}, c)

	got := e.received()
	require.Len(t, got, 1)
	assert.Equal(t, "POST", got[0].method)
	assert.Equal(t, "/v1/oauth/token", got[0].path)
	assert.Equal(t, "application/json", got[0].header.Get("Content-Type"))
	assert.Equal(t, "application/json", got[0].header.Get("Accept"))
	assert.Equal(t, "oauth-2025-04-20,oidc-federation-2026-04-01", got[0].header.Get("anthropic-beta"))
	assert.Equal(t, "awf-cred/test", got[0].header.Get("User-Agent"))
	assert.Empty(t, got[0].header.Get("Authorization"))
	assert.Equal(t, `{"grant_type":"urn:ietf:params:oauth:grant-type:jwt-bearer","assertion":"`+jwt+
		`","federation_rule_id":"fdrl_01","organization_id":"`+organization+`","service_account_id":"svac_01"}`, got[0].body,
		"a workspace that is not set is left out")

	p := anthropicParams(e.URL)
	p.WorkspaceID = "default"
	x, err := exchange.NewAnthropic(p, doer(t))
	require.NoError(t, err)
	_, err = x.Exchange(t.Context(), assertion())
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(e.received()[1].body, `"workspace_id":"default"}`))
	assert.True(t, json.Valid([]byte(e.received()[1].body)))
}

func TestAnthropicAgainstTheSandbox(t *testing.T) {
	t.Parallel()
	box := sandbox.Start(t, sandbox.WithTLS())
	client, err := safehttp.New(safehttp.Options{CAFile: box.CAFile()})
	require.NoError(t, err)
	env := func(name string) string {
		for _, e := range append(box.GitHubEnv(), box.AnthropicEnv()...) {
			if v, ok := strings.CutPrefix(e, name+"="); ok {
				return v
			}
		}
		return ""
	}
	o := ghoidc.FromEnv(env)
	o.Doer, o.Now = client, time.Now
	github, err := ghoidc.New(o)
	require.NoError(t, err)
	p := exchange.AnthropicParams{FederationRuleID: env("AWF_AUTH_ANTHROPIC_FEDERATION_RULE_ID"), OrganizationID: env("AWF_AUTH_ANTHROPIC_ORGANIZATION_ID"),
		ServiceAccountID: env("AWF_AUTH_ANTHROPIC_SERVICE_ACCOUNT_ID"), WorkspaceID: env("AWF_AUTH_ANTHROPIC_WORKSPACE_ID"), TokenURL: box.AnthropicTokenURL()}
	x, err := exchange.NewAnthropic(p, client)
	require.NoError(t, err)

	tok, err := github.Mint(t.Context(), x.Audience())
	require.NoError(t, err)
	c, err := x.Exchange(t.Context(), tok.Assertion())
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(c.Token.Reveal(), "sk-ant-oat01-"))
	assert.Positive(t, c.Lifetime())
	assert.NotEmpty(t, c.RequestID)

	_, err = x.Exchange(t.Context(), tok.Assertion())
	e := failure(t, err)
	assert.ErrorIs(t, err, exchange.Refused)
	assert.Equal(t, "authentication_error", e.Code)
	assert.NotEmpty(t, e.RequestID)
	assert.Equal(t, []string{"jti_reused"}, box.Reasons()[len(box.Reasons())-1:])
}

func TestAnthropicSettings(t *testing.T) {
	t.Parallel()
	_, err := exchange.NewAnthropic(exchange.AnthropicParams{OrganizationID: "o", ServiceAccountID: "svac", WorkspaceID: "wrk\n",
		TokenURL: "http://api.anthropic.com", Audience: "a b"}, http.DefaultClient)
	assert.ErrorIs(t, err, exchange.Usage)
	assert.EqualError(t, err, "anthropic settings: federation_rule_id is missing; organization_id is not a UUID (00000000-0000-0000-0000-000000000000); "+
		"service_account_id is not of the form svac_…; workspace_id is not of the form wrkspc_…; "+
		"token_url is plain http, which is only allowed to 127.0.0.1, [::1] and localhost; "+
		"audience has a blank, a control or a non-ASCII character in it, or is too long", "all at once")

	for _, c := range []struct {
		check func(string) error
		good  []string
		bad   []string
	}{
		{exchange.CheckFederationRuleID, []string{"fdrl_1", "fdrl_01AbC-d_e"}, []string{"", "fdrl_", "fdrl", "FDRL_1", " fdrl_1", "fdrl_1 ", "fdrl_ä", "fdrl_1\n", "fdrl_" + strings.Repeat("a", 200)}},
		{exchange.CheckServiceAccountID, []string{"svac_1"}, []string{"svc_1", "fdrl_1"}},
		{exchange.CheckWorkspaceID, []string{"default", "wrkspc_1"}, []string{"Default", "wrkspc_", "workspace_1"}},
		{exchange.CheckUUID, []string{organization, "ABCDEF00-1111-2222-3333-44444444abcd"}, []string{"", organization[1:], organization + "0", strings.ReplaceAll(organization, "-", ""), "0000000g" + organization[8:], "00000000_1111_2222_3333_444444444444"}},
	} {
		for _, v := range c.good {
			assert.NoError(t, c.check(v), v)
		}
		for _, v := range c.bad {
			assert.Error(t, c.check(v), "%q", v)
		}
	}
}

func TestAnthropicIdentity(t *testing.T) {
	t.Parallel()
	x := anthropic(t, "https://h/")
	assert.Equal(t, "https://api.anthropic.com", x.Audience())
	assert.True(t, x.SingleUse(assertion()))
	assert.False(t, x.SingleUse(exchange.Assertion{}), "without a jti there is nothing to check")
	p := anthropicParams("https://h/")
	p.AllowAssertionReuse = true
	y, err := exchange.NewAnthropic(p, doer(t))
	require.NoError(t, err)
	assert.False(t, y.SingleUse(assertion()))

	seen := map[string]bool{}
	for _, edit := range []func(*exchange.AnthropicParams){
		func(*exchange.AnthropicParams) {},
		func(p *exchange.AnthropicParams) { p.FederationRuleID = "fdrl_02" },
		func(p *exchange.AnthropicParams) { p.OrganizationID = strings.Replace(organization, "0", "1", 1) },
		func(p *exchange.AnthropicParams) { p.ServiceAccountID = "svac_02" },
		func(p *exchange.AnthropicParams) { p.WorkspaceID = "default" },
		func(p *exchange.AnthropicParams) { p.TokenURL = "https://i/" },
		func(p *exchange.AnthropicParams) { p.Audience = "a" },
	} {
		p := anthropicParams("https://h/")
		edit(&p)
		x, err := exchange.NewAnthropic(p, doer(t))
		require.NoError(t, err)
		assert.False(t, seen[x.Fingerprint()], "each parameter counts")
		seen[x.Fingerprint()] = true
	}
}

func TestAnthropicHints(t *testing.T) {
	t.Parallel()
	nested := `{"type":"error","error":{"type":"authentication_error","message":"Authentication failed"},"request_id":"req_body"}`
	for _, c := range []struct {
		name   string
		status int
		body   string
		edit   func(*exchange.Assertion, *exchange.AnthropicParams)
		code   string
		hints  []string
		absent []string
	}{
		{
			name: "the opaque 401 names what was presented", status: 401, body: nested, code: "authentication_error",
			hints: []string{
				`compare rule fdrl_01 with what was presented: sub "repo:o/r:ref:refs/heads/main", iss "https://token.actions.githubusercontent.com", aud "https://aud"`,
				"immutable form", "AWF_AUTH_ANTHROPIC_WORKSPACE_ID", "history",
			},
			absent: []string{"accepted once", "expired"},
		},
		{
			name: "a workspace that is set is not asked for", status: 401, body: nested, code: "authentication_error",
			edit:   func(_ *exchange.Assertion, p *exchange.AnthropicParams) { p.WorkspaceID = "default" },
			absent: []string{"WORKSPACE"},
		},
		{
			name: "an assertion from elsewhere may have been presented before", status: 401, body: nested, code: "authentication_error",
			edit:  func(a *exchange.Assertion, _ *exchange.AnthropicParams) { a.Minted = false },
			hints: []string{"accepted once"},
		},
		{
			name: "an assertion that had expired", status: 401, body: nested, code: "authentication_error",
			edit:  func(a *exchange.Assertion, _ *exchange.AnthropicParams) { a.ExpiresAt = now.Add(-time.Second) },
			hints: []string{"the assertion expired at 2026-01-02T03:04:04Z"},
		},
		{
			name: "the immutable form of sub", status: 401, body: nested, code: "authentication_error",
			edit: func(a *exchange.Assertion, _ *exchange.AnthropicParams) {
				a.Subject = "repo:o@1/r@2:ref:refs/heads/main"
			},
			hints: []string{"this sub has GitHub's immutable form"},
		},
		{
			name: "another issuer's sub", status: 401, body: nested, code: "authentication_error",
			edit:   func(a *exchange.Assertion, _ *exchange.AnthropicParams) { a.Subject = "project_path:g/p\x1b" },
			hints:  []string{`sub "project_path:g/p\x1b"`},
			absent: []string{"immutable"},
		},
		{
			name: "the older edition's opaque 400", status: 400, body: `{"error":"invalid_grant","error_description":"no"}`, code: "invalid_grant",
			hints: []string{"compare rule fdrl_01"},
		},
		{
			name: "a malformed id", status: 400, body: `{"type":"error","error":{"type":"invalid_request_error","message":"bad"}}`, code: "invalid_request_error",
			hints: []string{"fdrl_…"}, absent: []string{"compare"},
		},
		{name: "forbidden", status: 403, body: `{"type":"error","error":{"type":"permission_error","message":"no"}}`, code: "permission_error", hints: []string{"not allowed by rule fdrl_01"}},
		{name: "the wrong path", status: 404, body: "", hints: []string{"AWF_AUTH_ANTHROPIC_TOKEN_URL"}},
		{name: "too large", status: 413, body: "", hints: []string{"too large"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := listen(t, always(raw(c.status, "", c.body)))
			a, p := assertion(), anthropicParams(e.URL)
			if c.edit != nil {
				c.edit(&a, &p)
			}
			x, err := exchange.NewAnthropic(p, doer(t))
			require.NoError(t, err)
			_, err = x.Exchange(t.Context(), a)
			f := failure(t, err)
			assert.ErrorIs(t, err, exchange.Refused)
			assert.Equal(t, c.code, f.Code)
			assert.Zero(t, f.Retries)
			for _, h := range c.hints {
				assert.Contains(t, f.Hint, h)
			}
			for _, h := range c.absent {
				assert.NotContains(t, f.Hint, h)
			}
			if c.body == nested {
				assert.Equal(t, "req_body", f.RequestID)
				assert.Equal(t, "anthropic exchange: HTTP 401: authentication_error: Authentication failed", f.Error())
			}
		})
	}
}

func TestAssertionsThatAreNotSent(t *testing.T) {
	t.Parallel()
	e := listen(t, always(raw(200, "", anthropicGrant)))
	x := anthropic(t, e.URL)
	for _, bad := range []string{"", "a b", "a\n", `a"b`, strings.Repeat("a", 16<<10+1)} {
		a := assertion()
		a.Token = secret.New(bad)
		_, err := x.Exchange(t.Context(), a)
		f := failure(t, err)
		assert.ErrorIs(t, err, exchange.Identity)
		assert.True(t, f.Unsent)
	}
	assert.Empty(t, e.received())
}

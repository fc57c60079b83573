package sandbox_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

func good(sb *sandbox.Sandbox) string {
	return sb.MintToken(sandbox.Token{Audience: anthropicAudience})
}

func TestAnthropicRefusesEachDeparture(t *testing.T) {
	t.Parallel()
	type claims = map[string]any
	now := time.Now()
	tests := []struct {
		name   string
		token  sandbox.Token
		fields map[string]any
		status int
		reason string
	}{
		{"another audience", sandbox.Token{Audience: "https://api.example.com"}, nil, 401, "match_audience"},
		{"GitHub's default audience", sandbox.Token{}, nil, 401, "match_audience"},
		{"no audience", sandbox.Token{Claims: claims{"aud": nil}}, nil, 401, "match_audience"},
		{"expired 31 s ago", sandbox.Token{Claims: claims{"exp": now.Unix() - 31}}, nil, 401, "expired"},
		{"nbf a minute ahead", sandbox.Token{Claims: claims{"nbf": now.Unix() + 60}}, nil, 401, "not_yet_valid"},
		{"iat a minute ahead", sandbox.Token{Claims: claims{"iat": now.Unix() + 60}}, nil, 401, "not_yet_valid"},
		{"living longer than an hour", sandbox.Token{Claims: claims{"exp": now.Unix() + 3700}}, nil, 401, "lifetime"},
		{"signed by a key that is not published", sandbox.Token{WrongKey: true}, nil, 401, "signature"},
		{"alg none", sandbox.Token{Alg: "none"}, nil, 401, "alg"},
		{"HS256 with the public key as secret", sandbox.Token{Alg: "HS256"}, nil, 401, "alg"},
		{"no kid", sandbox.Token{Header: claims{"kid": nil}}, nil, 401, "kid_missing"},
		{"a kid that is not published", sandbox.Token{Header: claims{"kid": "nobody"}}, nil, 401, "kid_unknown"},
		{"another issuer", sandbox.Token{Claims: claims{"iss": "https://token.actions.example.com"}}, nil, 401, "issuer"},
		{"no issuer", sandbox.Token{Claims: claims{"iss": nil}}, nil, 401, "claim_missing"},
		{"no subject", sandbox.Token{Claims: claims{"sub": nil}}, nil, 401, "claim_missing"},
		{"no iat", sandbox.Token{Claims: claims{"iat": nil}}, nil, 401, "claim_missing"},
		{"no exp", sandbox.Token{Claims: claims{"exp": nil}}, nil, 401, "claim_missing"},
		{"exp as a string", sandbox.Token{Claims: claims{"exp": "soon"}}, nil, 401, "claim_missing"},
		{"the subject of another owner", sandbox.Token{Claims: claims{"sub": "repo:evil-org/x:ref:refs/heads/main"}}, nil, 401, "match_subject_prefix"},
		{"an owner whose name begins alike", sandbox.Token{Claims: claims{"sub": "repo:octo-org-evil/x:ref:refs/heads/main"}}, nil, 401, "match_subject_prefix"},
		{"another claim value", sandbox.Token{Claims: claims{"runner_environment": "self-hosted"}}, nil, 401, "match_claims"},
		{"over 16 KiB", sandbox.Token{Pad: 17 << 10}, nil, 400, "assertion_size"},
		{"an unknown rule", sandbox.Token{}, claims{"federation_rule_id": "fdrl_unknown"}, 401, "rule_unknown"},
		{"a malformed rule", sandbox.Token{}, claims{"federation_rule_id": "rule-1"}, 400, "malformed_field"},
		{"another organization", sandbox.Token{}, claims{"organization_id": "00000000-0000-0000-0000-000000000000"}, 401, "organization"},
		{"a malformed organization", sandbox.Token{}, claims{"organization_id": "octo"}, 400, "malformed_field"},
		{"another service account", sandbox.Token{}, claims{"service_account_id": "svac_other"}, 401, "service_account"},
		{"no service account", sandbox.Token{}, claims{"service_account_id": nil}, 400, "missing_field"},
		{"an empty service account", sandbox.Token{}, claims{"service_account_id": ""}, 400, "malformed_field"},
		{"no workspace though the rule covers two", sandbox.Token{}, claims{"workspace_id": nil}, 401, "workspace_id_required"},
		{"an empty workspace", sandbox.Token{}, claims{"workspace_id": ""}, 400, "malformed_field"},
		{"a workspace that the rule does not cover", sandbox.Token{}, claims{"workspace_id": "wrkspc_other"}, 401, "workspace"},
		{"the default workspace, not covered", sandbox.Token{}, claims{"workspace_id": "default"}, 401, "workspace"},
		{"a malformed workspace", sandbox.Token{}, claims{"workspace_id": "ws-1"}, 400, "malformed_field"},
		{"another grant type", sandbox.Token{}, claims{"grant_type": "client_credentials"}, 400, "grant_type"},
		{"no grant type", sandbox.Token{}, claims{"grant_type": nil}, 400, "missing_field"},
		{"no assertion", sandbox.Token{}, claims{"assertion": nil}, 400, "missing_field"},
		{"an assertion of two parts", sandbox.Token{}, claims{"assertion": "a.b"}, 401, "malformed_jwt"},
		{"an assertion that is a number", sandbox.Token{}, claims{"assertion": 1}, 400, "not_json"},
	}
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) {
		c.Rule.Claims = map[string]string{"runner_environment": "github-hosted"}
	}))
	for _, tt := range tests {
		if tt.token.Audience == "" && tt.name != "GitHub's default audience" {
			tt.token.Audience = anthropicAudience
		}
		before := len(sb.History())
		a := exchange(t, sb, sb.MintToken(tt.token), tt.fields)
		assert.Equal(t, tt.status, a.StatusCode, tt.name)
		last := sb.History()[before]
		assert.Equal(t, tt.reason, last.Reason, tt.name)
		assert.Equal(t, last.RequestID, a.Header.Get("Request-Id"), tt.name)
		object := a.json(t)
		assert.Equal(t, "error", object["type"], tt.name)
		kind, text := "authentication_error", "Authentication failed"
		if tt.status == 400 {
			kind, text = "invalid_request_error", object["error"].(map[string]any)["message"].(string)
		}
		assert.Equal(t, map[string]any{"type": kind, "message": text}, object["error"], tt.name)
	}
	c := sb.Counts()
	assert.Equal(t, len(tests), c.Exchanges)
	assert.Equal(t, len(tests), c.Refused)
	assert.Zero(t, c.Accepted)
	assert.Zero(t, c.Replays)
	assert.Equal(t, 200, exchange(t, sb, good(sb), nil).StatusCode, "the same sandbox accepts a good one")
}

func TestAnthropicTakesWhatTheReferenceAllows(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"} {
		a := exchange(t, sb, sb.MintToken(sandbox.Token{Audience: anthropicAudience, Alg: alg}), nil)
		assert.Equal(t, 200, a.StatusCode, "%s: %s", alg, a.body)
	}
	now := time.Now().Unix()
	for name, claims := range map[string]map[string]any{
		"expired within the skew of 30 s": {"exp": now - 20},
		"an audience in a list":           {"aud": []string{"x", anthropicAudience}},
		"no nbf":                          {"nbf": nil},
		"numeric dates with a fraction":   {"exp": float64(now) + 60.5},
	} {
		a := exchange(t, sb, sb.MintToken(sandbox.Token{Audience: anthropicAudience, Claims: claims}), map[string]any{"extra": 1})
		assert.Equal(t, 200, a.StatusCode, "%s: %s", name, a.body)
	}
}

func TestAnAssertionIsGoodOnce(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	token := good(sb)
	assert.Equal(t, 200, exchange(t, sb, token, nil).StatusCode)
	assert.Equal(t, 401, exchange(t, sb, token, nil).StatusCode)
	assert.Equal(t, []string{"jti_reused"}, sb.Reasons())
	assert.Equal(t, 1, sb.Counts().Replays)

	refused := sb.MintToken(sandbox.Token{Audience: anthropicAudience})
	assert.Equal(t, 401, exchange(t, sb, refused, map[string]any{"workspace_id": nil}).StatusCode)
	assert.Equal(t, 401, exchange(t, sb, refused, nil).StatusCode, "a refused exchange uses it up, too")

	exempt := sb.MintToken(sandbox.Token{Audience: anthropicAudience, Claims: map[string]any{"jti": nil}})
	assert.Equal(t, 200, exchange(t, sb, exempt, nil).StatusCode)
	assert.Equal(t, 200, exchange(t, sb, exempt, nil).StatusCode, "without a jti there is no check")
	assert.Equal(t, 2, sb.Counts().Replays)
	assert.Equal(t, 1, sb.Counts().Repeats)

	r := sb.Rule()
	r.AllowReuse = true
	sb.SetRule(r)
	assert.Equal(t, 200, exchange(t, sb, token, nil).StatusCode, "check_jti is off")
}

func TestOfManyAtOnceOneExchangeWins(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	token := good(sb)
	statuses := make(chan int, 50)
	for range cap(statuses) {
		go func() { statuses <- exchange(t, sb, token, nil).StatusCode }()
	}
	accepted := 0
	for range cap(statuses) {
		if <-statuses == 200 {
			accepted++
		}
	}
	assert.Equal(t, 1, accepted)
	c := sb.Counts()
	assert.Equal(t, []int{50, 1, 49, 49}, []int{c.Exchanges, c.Accepted, c.Refused, c.Replays})
}

func TestAnAssertionIsUsedUpByAnAnswerThatNeverArrives(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]sandbox.Fault{
		"status":         sandbox.Status(503),
		"reset":          sandbox.Reset(sandbox.StageAnswer),
		"in the headers": sandbox.Reset(sandbox.StageHeaders),
		"in the body":    sandbox.Truncate(5),
		"nothing for it": {Raw: "HTTP/1.1 200 OK\r\n"},
	} {
		sb := sandbox.Start(t, sandbox.WithFault(sandbox.AnthropicToken, fault))
		token := good(sb)
		res, err := sb.Client().Post(sb.AnthropicTokenURL(), "application/json", strings.NewReader(body(t, sb, token)))
		if err == nil {
			res.Body.Close()
		}
		assert.Equal(t, 1, sb.Counts().Accepted, name)
		assert.Equal(t, 401, exchange(t, sb, token, nil).StatusCode, name)
		assert.Equal(t, 1, sb.Counts().Replays, name)
	}
}

func TestAnAssertionSurvivesWhatTheVendorNeverSaw(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]sandbox.Fault{
		"accept":  sandbox.Reset(sandbox.StageAccept),
		"head":    sandbox.Reset(sandbox.StageHead),
		"request": sandbox.Reset(sandbox.StageRequest),
	} {
		sb := sandbox.Start(t, sandbox.WithFault(sandbox.AnthropicToken, fault))
		token := good(sb)
		req, err := http.NewRequestWithContext(t.Context(), "POST", sb.AnthropicTokenURL(), strings.NewReader(body(t, sb, token)))
		require.NoError(t, err)
		req.GetBody = nil // the client must not try again by itself
		_, err = sb.Client().Do(req)
		assert.Error(t, err, name)
		assert.Zero(t, sb.Counts().Exchanges, name)
		assert.Equal(t, 200, exchange(t, sb, token, nil).StatusCode, name)
		assert.Zero(t, sb.Counts().Replays, name)
	}
	sb := sandbox.Start(t, sandbox.WithFault(sandbox.AnthropicToken, sandbox.Fault{Status: 503, Discard: true}))
	token := good(sb)
	assert.Equal(t, 503, exchange(t, sb, token, nil).StatusCode)
	assert.Equal(t, 200, exchange(t, sb, token, nil).StatusCode, "discarded, so not used up")
	assert.Equal(t, 1, sb.Counts().Replays, "but it arrived twice, and that is counted")
}

func TestTheLifetimeRule(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		rule      time.Duration
		remaining time.Duration
		want      int
	}{
		{"twice what a fresh GitHub token has left", time.Hour, 300 * time.Second, 600},
		{"the rule's lifetime where that is shorter", 120 * time.Second, 300 * time.Second, 120},
		{"twice the rest of an old one", time.Hour, 40 * time.Second, 80},
		{"never below a minute", time.Hour, 10 * time.Second, 60},
		{"a minute for one within the skew", time.Hour, -20 * time.Second, 60},
		{"an hour's assertion under a day's rule", 24 * time.Hour, time.Hour, 7200},
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.Now = func() time.Time { return now } }))
	for _, tt := range tests {
		r := sb.Rule()
		r.TokenLifetime = tt.rule
		sb.SetRule(r)
		a := exchange(t, sb, sb.MintToken(sandbox.Token{Audience: anthropicAudience,
			Claims: map[string]any{"exp": now.Add(tt.remaining).Unix()}}), nil)
		require.Equal(t, 200, a.StatusCode, tt.name)
		assert.EqualValues(t, tt.want, a.json(t)["expires_in"], tt.name)
	}
}

func TestTheFormOfAnExchange(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	url, kind := sb.AnthropicTokenURL(), map[string]string{"Content-Type": "application/json"}
	get := do(t, sb, "GET", url, nil, "")
	assert.Equal(t, 405, get.StatusCode)
	assert.Equal(t, "POST", get.Header.Get("Allow"))
	assert.Equal(t, 400, do(t, sb, "POST", url, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, body(t, sb, good(sb))).StatusCode)
	assert.Equal(t, 400, do(t, sb, "POST", url, kind, "grant_type=x").StatusCode)
	assert.Equal(t, 413, do(t, sb, "POST", url, kind, strings.Repeat("x", 1<<20+1)).StatusCode)
	assert.Equal(t, 404, do(t, sb, "POST", sb.URL(sandbox.HostAnthropic)+"/v1/oauth/tokens", kind, "{}").StatusCode)
	assert.Equal(t, 200, do(t, sb, "POST", url, map[string]string{"Content-Type": "application/json; charset=utf-8"}, body(t, sb, good(sb))).StatusCode)
	assert.Equal(t, []string{"method", "content_type", "not_json"}, sb.Reasons())
}

func TestTheOlderEditionOfErrors(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.RFC6749Errors = true }))
	a := exchange(t, sb, "x.y.z", nil)
	assert.Equal(t, 400, a.StatusCode)
	assert.Equal(t, map[string]any{"error": "invalid_grant"}, a.json(t))
	assert.NotEmpty(t, a.Header.Get("Request-Id"))
	a = exchange(t, sb, "x.y.z", map[string]any{"workspace_id": ""})
	assert.Equal(t, "invalid_request", a.json(t)["error"])
}

func TestARuleWithAUserTakesNoServiceAccount(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	r := sb.Rule()
	r.UserTarget, r.ServiceAccountID, r.Workspaces = true, "", []string{"default"}
	sb.SetRule(r)
	only := map[string]any{"service_account_id": nil, "workspace_id": nil}
	assert.Equal(t, 200, exchange(t, sb, good(sb), only).StatusCode, "one workspace need not be named")
	assert.Equal(t, 401, exchange(t, sb, good(sb), map[string]any{"service_account_id": "svac_x"}).StatusCode)
}

func TestARotatedKey(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	old, older := good(sb), good(sb)
	sb.RotateKey(true)
	assert.Equal(t, 200, exchange(t, sb, old, nil).StatusCode, "the old key is still published")
	assert.Equal(t, 200, exchange(t, sb, good(sb), nil).StatusCode)
	sb.RotateKey(false)
	assert.Equal(t, 401, exchange(t, sb, older, nil).StatusCode)
	assert.Equal(t, 200, exchange(t, sb, good(sb), nil).StatusCode)
	assert.Equal(t, []string{"kid_unknown"}, sb.Reasons())
}

// body is a good request body with that assertion.
func body(t *testing.T, sb *sandbox.Sandbox, assertion string) string {
	t.Helper()
	r := sb.Rule()
	return `{"grant_type":"urn:ietf:params:oauth:grant-type:jwt-bearer","assertion":"` + assertion + `","federation_rule_id":"` + r.ID +
		`","organization_id":"` + r.OrganizationID + `","service_account_id":"` + r.ServiceAccountID + `","workspace_id":"` + r.Workspaces[0] + `"}`
}

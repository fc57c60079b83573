package sandbox_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

func payload(t *testing.T, token string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(raw, &m))
	return m
}

func TestAMintedTokenVerifiesAgainstThePublishedKeys(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	token := mint(t, sb, sb.Job(), "")
	config := do(t, sb, "GET", sb.Issuer()+"/.well-known/openid-configuration", nil, "").json(t)
	assert.Equal(t, sb.Issuer(), config["issuer"])
	keys := do(t, sb, "GET", config["jwks_uri"].(string), nil, "")
	var set jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal(keys.body, &set))

	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	require.NoError(t, err)
	head := parsed.Signatures[0].Protected
	assert.Equal(t, "JWT", head.ExtraHeaders["typ"])
	assert.NotEmpty(t, head.ExtraHeaders["x5t"])
	require.Len(t, set.Key(head.KeyID), 1)
	_, err = parsed.Verify(set.Key(head.KeyID)[0].Key)
	require.NoError(t, err)

	c := payload(t, token)
	assert.Equal(t, "https://github.com/octo-org", c["aud"], "the owner's URL is the default audience")
	assert.Equal(t, "repo:octo-org/octo-repo:ref:refs/heads/main", c["sub"])
	assert.InDelta(t, 300, c["exp"].(float64)-c["iat"].(float64), 0)
	assert.InDelta(t, 600, c["iat"].(float64)-c["nbf"].(float64), 0)
	for _, name := range strings.Fields(`iss jti repository repository_id repository_owner repository_owner_id
		repository_visibility ref ref_type ref_protected sha base_ref head_ref workflow workflow_ref workflow_sha
		job_workflow_ref job_workflow_sha event_name actor actor_id run_id run_number run_attempt runner_environment`) {
		assert.IsType(t, "", c[name], name)
	}
	assert.NotEqual(t, c["jti"], payload(t, mint(t, sb, sb.Job(), ""))["jti"], "each mint has its own jti")
}

func TestSubjectsOfGitHub(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	for want, id := range map[string]sandbox.Identity{
		"repo:o/r:ref:refs/tags/v1":             {Repository: "o/r", Ref: "refs/tags/v1"},
		"repo:o/r:pull_request":                 {Repository: "o/r", Event: "pull_request"},
		"repo:o/r:environment:prod":             {Repository: "o/r", Environment: "prod", Event: "pull_request"},
		"repo:o@12/r@34:ref:refs/heads/main":    {Repository: "o/r", ImmutableSubject: true, OwnerID: "12", RepositoryID: "34"},
		"anything that the organization set up": {Repository: "o/r", Subject: "anything that the organization set up"},
	} {
		assert.Equal(t, want, payload(t, mint(t, sb, sb.AddIdentity(id), ""))["sub"])
	}
	extra := sb.AddIdentity(sandbox.Identity{Claims: map[string]any{"x": "y", "ref": nil}})
	c := payload(t, mint(t, sb, extra, ""))
	assert.Equal(t, "y", c["x"])
	assert.NotContains(t, c, "ref")
}

func TestTheEnterpriseIssuer(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.EnterpriseSlug = "octo-enterprise" }))
	assert.Equal(t, sb.URL(sandbox.HostGitHub)+"/octo-enterprise", payload(t, mint(t, sb, sb.Job(), ""))["iss"])
	assert.Equal(t, sb.Issuer(), do(t, sb, "GET", sb.Issuer()+"/.well-known/openid-configuration", nil, "").json(t)["issuer"])
	assert.Equal(t, 200, exchange(t, sb, good(sb), nil).StatusCode)
}

func TestTheMintRefuses(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	job, other := sb.Job(), sb.AddIdentity(sandbox.Identity{})
	bearer := func(token string) map[string]string { return map[string]string{"Authorization": "Bearer " + token} }
	url := job.RequestURL()
	tests := []struct {
		name, method, url string
		header            map[string]string
		status            int
	}{
		{"no bearer", "GET", url, nil, 401},
		{"another scheme", "GET", url, map[string]string{"Authorization": "Basic " + job.RequestToken}, 401},
		{"a wrong bearer", "GET", url, bearer(job.RequestToken + "x"), 401},
		{"another job's bearer", "GET", url, bearer(other.RequestToken), 403},
		{"a job that is unknown", "GET", strings.Replace(url, "/jobs/", "/jobs/0", 1), bearer(job.RequestToken), 404},
		{"POST", "POST", url, bearer(job.RequestToken), 405},
		{"no api-version", "GET", strings.Replace(url, "api-version", "version", 1), bearer(job.RequestToken), 400},
		{"an api-version doubled", "GET", url + "&api-version=2.0", bearer(job.RequestToken), 400},
		{"an empty audience", "GET", url + "&audience=", bearer(job.RequestToken), 400},
		{"two audiences", "GET", url + "&audience=a&audience=b", bearer(job.RequestToken), 400},
		{"another path", "GET", sb.URL(sandbox.HostGitHub) + "/x", bearer(job.RequestToken), 404},
	}
	for _, tt := range tests {
		a := do(t, sb, tt.method, tt.url, tt.header, "")
		assert.Equal(t, tt.status, a.StatusCode, tt.name)
		assert.NotEmpty(t, a.json(t)["message"], tt.name)
	}
	assert.Zero(t, sb.Counts().Mints)
	sb.ClockOffset(6*time.Hour + 11*time.Minute)
	assert.Equal(t, 401, do(t, sb, "GET", url, bearer(job.RequestToken), "").StatusCode, "the request token ends with the job")
}

func TestIdentitiesAreCountedApart(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	second := sb.AddIdentity(sandbox.Identity{Name: "second"})
	require.NotEqual(t, sb.Job().RequestToken, second.RequestToken)
	assert.Equal(t, 200, exchange(t, sb, mint(t, sb, second, anthropicAudience), nil).StatusCode)
	mint(t, sb, sb.Job(), "")
	c := sb.Counts()
	assert.Equal(t, sandbox.Tally{MintRequests: 1, Mints: 1, Exchanges: 1, Accepted: 1}, c.Identities["second"])
	assert.Equal(t, sandbox.Tally{MintRequests: 1, Mints: 1}, c.Identities[sb.Job().Name])
	assert.Equal(t, sandbox.Tally{Exchanges: 1, Accepted: 1}, c.Providers["anthropic"])
}

func TestGITHUB_ACTIONSOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	assert.Empty(t, env(sandbox.Start(t).GitHubEnv(), "GITHUB_ACTIONS"))
	asked := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.GitHubActions = true }))
	assert.Equal(t, "true", env(asked.GitHubEnv(), "GITHUB_ACTIONS"))
}

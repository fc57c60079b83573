package child_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/awf-cred/awf-cred/internal/child"
)

func TestScrubRemovesEveryCredential(t *testing.T) {
	t.Parallel()
	gone := []string{
		"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_RUNTIME_TOKEN",
		"AWF_AUTH_TYPE", "AWF_AUTH_ANTHROPIC_FEDERATION_RULE_ID", "AWF_CRED_IDENTITY", "AWF_GATEWAY_TOKEN",
		"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_IDENTITY_TOKEN", "ANTHROPIC_IDENTITY_TOKEN_FILE",
		"ANTHROPIC_FEDERATION_RULE_ID", "CLAUDE_CODE_OAUTH_TOKEN", "OPENAI_API_KEY", "CODEX_API_KEY",
		"OPENAI_IDENTITY_TOKEN_FILE", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "AZURE_FEDERATED_TOKEN_FILE",
		"AZURE_CLIENT_SECRET", "GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS",
		"GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE",
		"AWS_SHARED_CREDENTIALS_FILE", "CLAUDE_CODE_OAUTH_REFRESH_TOKEN", "IDENTITY_HEADER", "IDENTITY_ENDPOINT", "MSI_SECRET",
		"ARM_CLIENT_SECRET", "ARM_OIDC_TOKEN", "ARM_OIDC_REQUEST_TOKEN", "ARM_OIDC_REQUEST_URL", "ARM_ACCESS_KEY",
		"BUILDKITE_AGENT_ACCESS_TOKEN", "CIRCLE_OIDC_TOKEN", "CIRCLE_OIDC_TOKEN_V2", "CI_JOB_JWT", "CI_JOB_JWT_V2", "VERCEL_OIDC_TOKEN",
	}
	stay := []string{
		"PATH", "HOME", "GITHUB_TOKEN", "HTTPS_PROXY", "NO_PROXY", "ANTHROPIC_VERTEX_PROJECT_ID", "CLOUD_ML_REGION",
		"AWS_REGION", "AWF_RATE_LIMIT_RPM", "RUNNER_TEMP",
	}
	var env child.Env
	for _, n := range append(append([]string{}, gone...), stay...) {
		env = append(env, n+"=canary")
	}
	env = append(env, "ANTHROPIC_CUSTOM_HEADERS=X-Team: a\nauthorization: Bearer canary")
	got := env.Scrub(nil, nil)
	for _, n := range append(gone, "ANTHROPIC_CUSTOM_HEADERS") {
		_, ok := got.Get(n)
		assert.False(t, ok, "%s must go", n)
	}
	for _, n := range stay {
		_, ok := got.Get(n)
		assert.True(t, ok, "%s stays", n)
	}
	plain := child.Env{"ANTHROPIC_CUSTOM_HEADERS=X-Team: a"}.Scrub(nil, nil)
	assert.Len(t, plain, 1, "headers that are no credential stay")
}

func TestKeepAndDropChangeTheRules(t *testing.T) {
	t.Parallel()
	env := child.Env{"AWS_ACCESS_KEY_ID=a", "AWS_SESSION_TOKEN=b", "TERM=c", "MINE=d"}
	assert.Equal(t, child.Env{"AWS_ACCESS_KEY_ID=a", "TERM=c"}, env.Scrub([]string{"AWS_ACCESS_KEY_ID"}, []string{"MINE"}))
}

func TestNoProxy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name         string
		env          child.Env
		upper, lower string
	}{
		{"both are added", nil, "127.0.0.1,localhost,::1", "127.0.0.1,localhost,::1"},
		{"what is there is kept", child.Env{"NO_PROXY=corp.test, localhost"}, "corp.test, localhost,127.0.0.1,::1", "corp.test, localhost,127.0.0.1,::1"},
		{"each spelling keeps its own", child.Env{"NO_PROXY=a", "no_proxy=b"}, "a,127.0.0.1,localhost,::1", "b,127.0.0.1,localhost,::1"},
		{"a star stays alone", child.Env{"no_proxy=*"}, "*", "*"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := tc.env.NoProxy()
			upper, _ := got.Get("NO_PROXY")
			lower, _ := got.Get("no_proxy")
			assert.Equal(t, []string{tc.upper, tc.lower}, []string{upper, lower})
		})
	}
}

func TestSetReplaces(t *testing.T) {
	t.Parallel()
	env := child.Env{"A=1", "B=2", "A=3"}
	v, _ := env.Get("A")
	assert.Equal(t, "1", v, "the first one counts")
	assert.Equal(t, child.Env{"B=2", "A=4"}, env.Set("A", "4"))
	assert.Equal(t, "A=1 B=2 A=3", strings.Join(env, " "), "the original is untouched")
}

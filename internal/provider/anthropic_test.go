package provider_test

import (
	"bytes"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/clock"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

func anthropic(t *testing.T) provider.Provider {
	t.Helper()
	p, ok := provider.Lookup("anthropic")
	require.True(t, ok)
	return p
}

func values(pairs ...string) config.Values {
	v := config.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v[pairs[i]] = config.Setting{Name: pairs[i], Value: pairs[i+1]}
	}
	return v
}

func bearer() exchange.Credential {
	return exchange.Credential{Provider: "anthropic", Kind: exchange.Bearer, Token: secret.New("sk-ant-oat01-sandbox")}
}

func render(t *testing.T, vars []output.Var) string {
	t.Helper()
	d, ok := output.LookupDialect("posix")
	require.True(t, ok)
	b, err := d.Render(vars, func(string) bool { return false }, bytes.NewReader(nil))
	require.NoError(t, err)
	return string(b)
}

func TestAnthropicVariables(t *testing.T) {
	t.Parallel()
	for consumer, want := range map[string]string{
		"sdk": "unset ANTHROPIC_API_KEY\nexport ANTHROPIC_AUTH_TOKEN='sk-ant-oat01-sandbox'\n",
		"claude-code": "unset ANTHROPIC_API_KEY\nunset ANTHROPIC_AUTH_TOKEN\nunset ANTHROPIC_IDENTITY_TOKEN\n" +
			"unset ANTHROPIC_IDENTITY_TOKEN_FILE\nunset ANTHROPIC_FEDERATION_RULE_ID\nunset ANTHROPIC_PROFILE\n" +
			"export CLAUDE_CODE_OAUTH_TOKEN='sk-ant-oat01-sandbox'\n",
	} {
		t.Run(consumer, func(t *testing.T) {
			t.Parallel()
			vars, err := anthropic(t).SDKEnv(values(), bearer(), consumer)
			require.NoError(t, err)
			assert.Equal(t, want, render(t, vars))
			assert.Len(t, output.Secrets(vars), 1)
		})
	}
}

func TestAnthropicProxyVariables(t *testing.T) {
	t.Parallel()
	base, err := url.Parse("http://127.0.0.1:10001")
	require.NoError(t, err)
	assert.Equal(t, "unset CLAUDE_CODE_USE_BEDROCK\nunset CLAUDE_CODE_USE_VERTEX\nunset CLAUDE_CODE_USE_FOUNDRY\nunset CLAUDE_CODE_USE_MANTLE\n"+
		"unset CLAUDE_CODE_USE_ANTHROPIC_AWS\nunset CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD\n"+
		"unset ANTHROPIC_API_KEY\nexport ANTHROPIC_BASE_URL='http://127.0.0.1:10001'\nexport ANTHROPIC_AUTH_TOKEN='phantom'\n",
		render(t, anthropic(t).ProxyEnv(values(), base, secret.New("phantom"))))
}

func TestAnthropicHeader(t *testing.T) {
	t.Parallel()
	p := anthropic(t)
	assert.Equal(t, "Authorization: Bearer sk-ant-oat01-sandbox", p.Header(bearer()))
	assert.Equal(t, "x-api-key: k", p.Header(exchange.Credential{Kind: exchange.APIKey, Token: secret.New("k")}))
}

func TestAnthropicUpstream(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name       string
		v          config.Values
		env        map[string]string
		url, base  string
		wantsUsage bool
		says       string
	}{
		{name: "the vendor's", url: "https://api.anthropic.com"},
		{name: "the target variable", env: map[string]string{"ANTHROPIC_API_TARGET": "gw.example.com:8443"}, url: "https://gw.example.com:8443"},
		{name: "its scheme and path do not count", env: map[string]string{"ANTHROPIC_API_TARGET": "http://gw.example.com/x"}, url: "https://gw.example.com"},
		{name: "the base path variable", env: map[string]string{"ANTHROPIC_API_BASE_PATH": "gw/"}, url: "https://api.anthropic.com", base: "/gw"},
		{name: "the whole URL wins", v: values("upstream", "http://127.0.0.1:9/p"), env: map[string]string{"ANTHROPIC_API_TARGET": "x"}, url: "http://127.0.0.1:9", base: "/p"},
		{name: "the setting base_path wins", v: values("upstream", "https://h/p", "base_path", "/q"), url: "https://h", base: "/q"},
		{name: "the variable's path belongs to the variable's host", v: values("upstream", "https://h"), env: map[string]string{"ANTHROPIC_API_BASE_PATH": "/gw"}, url: "https://h"},
		{name: "the flag's URL wins over a path in the file", v: config.Values{
			"upstream":  {Name: "upstream", Value: "https://h/p", Origin: config.Origin{Kind: config.FromFlag}},
			"base_path": {Name: "base_path", Value: "/of-another", Origin: config.Origin{Kind: config.FromFile}},
		}, url: "https://h", base: "/p"},
		{name: "a target without a valid port", env: map[string]string{"ANTHROPIC_API_TARGET": "h:99999"}, wantsUsage: true, says: "ANTHROPIC_API_TARGET"},
		{name: "a slash is no base path", v: values("upstream", "https://h/"), url: "https://h"},
		{name: "a target that is no host", env: map[string]string{"ANTHROPIC_API_TARGET": "a b"}, wantsUsage: true},
		{name: "plain http elsewhere", v: values("upstream", "http://evil.test"), wantsUsage: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			u, base, err := anthropic(t).Upstream(row.v, func(name string) string { return row.env[name] })
			if row.wantsUsage {
				require.ErrorIs(t, err, exchange.Usage)
				require.ErrorContains(t, err, row.says)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, row.url, u.String())
			assert.Equal(t, row.base, base)
		})
	}
}

func TestAnthropicExchanger(t *testing.T) {
	t.Parallel()
	good := []string{
		"federation_rule_id", "fdrl_01", "organization_id", "00000000-0000-0000-0000-000000000000",
		"service_account_id", "svac_01", "workspace_id", "default", "token_url", "https://api.anthropic.com/v1/oauth/token",
	}
	d := provider.Deps{Doer: nil, Now: clock.System{}, UserAgent: "test"}
	x, err := anthropic(t).New(values(good...), d)
	require.NoError(t, err)
	assert.Equal(t, "https://api.anthropic.com", x.Audience())
	assert.Equal(t, anthropic(t).Audience(nil), x.Audience())
	once := exchange.Assertion{ID: "jti"}
	assert.True(t, x.SingleUse(once))
	assert.False(t, x.SingleUse(exchange.Assertion{}))

	x, err = anthropic(t).New(values(append(good, "allow_assertion_reuse", "true", "audience", "https://other")...), d)
	require.NoError(t, err)
	assert.False(t, x.SingleUse(once))
	assert.Equal(t, "https://other", x.Audience())
}

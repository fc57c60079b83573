package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/config"
)

func TestEverySettingIsShownOnceAndNoSecret(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		in   config.Inputs
		want map[string]string // setting to value and origin
	}{
		{"a federated profile", inputs(acmeEnv("AWF_CRED_CACHE=none", "ACME_IDENTITY_TOKEN=canary")...), map[string]string{
			"profile": "environment default", "provider": "acme env AWF_AUTH_PROVIDER", "auth_type": "github-oidc env AWF_AUTH_TYPE",
			"identity": "github env AWF_AUTH_TYPE", "cache": "none env AWF_CRED_CACHE", "rule_id": "rule_1 env AWF_AUTH_ACME_RULE_ID",
			"token_url": "https://api.acme.example/token default", "timeout": "60s default", "min_ttl": " default", "audience": " default"}},
		{"the static path", inputs("ACME_API_KEY=canary"), map[string]string{"provider": "acme env ACME_API_KEY", "static_key": "(redacted) env ACME_API_KEY"}},
		{"a literal token", inputs("ACME_RULE_ID=rule_1", "ACME_ORGANIZATION=org_1", "ACME_ACCOUNT=acc_1", "ACME_IDENTITY_TOKEN=canary"), map[string]string{
			"identity": "env:ACME_IDENTITY_TOKEN env ACME_IDENTITY_TOKEN", "identity_token": "(redacted) env ACME_IDENTITY_TOKEN"}},
		{"a secret setting", inputs("AWF_AUTH_PROVIDER=zeta", "AWF_AUTH_ZETA_ROLE=r", "AWF_AUTH_ZETA_REGION=north", "AWF_AUTH_ZETA_PASSWORD=canary"), map[string]string{
			"password": "(redacted) env AWF_AUTH_ZETA_PASSWORD"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, p, err := config.Resolve(tt.in, "")
			require.NoError(t, err)
			seen := map[string]string{}
			for _, s := range c.Settings(p) {
				require.NotContains(t, seen, s.Name, "shown once")
				seen[s.Name] = s.Value + " " + s.Origin.String()
				assert.NotContains(t, s.Value, "canary")
			}
			for name, want := range tt.want {
				assert.Equal(t, want, seen[name], name)
			}
			assert.NotContains(t, fmt.Sprintf("%+v", p.Static), "canary")
		})
	}
}

func TestACommandsArgumentsAreNotShown(t *testing.T) {
	t.Parallel()
	in := withFile(t, "profiles:\n  p:\n    provider: acme\n    rule_id: rule_1\n    organization: org_1\n    account: acc_1\n    identity: {type: command, argv: [/bin/x, --password=canary]}\n")
	c, p, err := config.Resolve(in, "p")
	require.NoError(t, err)
	s := find(t, c.Settings(p), "identity")
	assert.Equal(t, "command:/bin/x (1 argument)", s.Value)
	assert.Equal(t, "flag --profile", find(t, c.Settings(p), "profile").Origin.String())
	path := strings.TrimPrefix(in.Env[0], "AWF_CRED_CONFIG=")
	assert.Equal(t, "file "+path+":7", s.Origin.String())
	assert.Equal(t, path+" env AWF_CRED_CONFIG", find(t, c.Settings(p), "config").Value+" "+find(t, c.Settings(p), "config").Origin.String())
}

package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// acme and zeta are vendors made up for the tests: acme has variables of its own
// beside the AWF_AUTH_ ones, zeta a list, a policy and a secret.
func acme() config.Vendor {
	prefixed := func(prefix string) func(string) error {
		return func(v string) error {
			if !strings.HasPrefix(v, prefix) {
				return errors.New("does not begin with " + prefix)
			}
			return nil
		}
	}
	return config.Vendor{
		Name: "acme",
		Fields: []config.Field{
			{Name: "rule_id", Flag: "acme-rule-id", Env: []string{"AWF_AUTH_ACME_RULE_ID", "ACME_RULE_ID"}, Required: true, Form: "rule_…", Check: prefixed("rule_")},
			{Name: "organization", Flag: "acme-organization", Env: []string{"AWF_AUTH_ACME_ORGANIZATION", "ACME_ORGANIZATION"}, Required: true, Form: "org_…", Check: prefixed("org_")},
			{Name: "account", Flag: "acme-account", Env: []string{"AWF_AUTH_ACME_ACCOUNT", "ACME_ACCOUNT"}, Required: true, Form: "acc_…", Check: prefixed("acc_")},
			{Name: "token_url", Flag: "acme-token-url", Env: []string{"AWF_AUTH_ACME_TOKEN_URL"}, Default: "https://api.acme.example/token", Form: "a URL", Check: config.CheckEndpoint},
		},
		StaticKeys:  []string{"ACME_API_KEY"},
		IdentityEnv: []string{"ACME_IDENTITY_TOKEN_FILE", "ACME_IDENTITY_TOKEN"},
	}
}

func zeta() config.Vendor {
	return config.Vendor{
		Name: "zeta",
		Fields: []config.Field{
			{Name: "role", Flag: "zeta-role", Env: []string{"AWF_AUTH_ZETA_ROLE"}, Required: true, Form: "a role"},
			{Name: "region", Flag: "zeta-region", Env: []string{"AWF_AUTH_ZETA_REGION", "ZETA_DEFAULT_REGION"}, Required: true, Values: []string{"north", "south"}, Form: "north or south"},
			{Name: "policies", Flag: "zeta-policies", Env: []string{"AWF_AUTH_ZETA_POLICIES"}, List: true},
			{Name: "session_policy", Flag: "zeta-session-policy", Env: []string{"AWF_AUTH_ZETA_SESSION_POLICY"}, Lines: true},
			{Name: "use_fips", Flag: "zeta-use-fips", Env: []string{"AWF_AUTH_ZETA_USE_FIPS"}, Default: "false", Bool: true},
			{Name: "password", Flag: "zeta-password", Env: []string{"AWF_AUTH_ZETA_PASSWORD"}, Secret: true, Form: "a password", Check: func(v string) error {
				if v == "bad-canary-secret" {
					return errors.New("is bad")
				}
				return nil
			}},
			{Name: "token_url", Flag: "zeta-token-url", Env: []string{"AWF_AUTH_ZETA_TOKEN_URL"}, Default: "https://sts.zeta.example/", Form: "a URL", Check: config.CheckEndpoint},
		},
		StaticKeys:  []string{"ZETA_KEY", "ZETA_OTHER_KEY"},
		IdentityEnv: []string{"ZETA_WEB_IDENTITY_TOKEN_FILE"},
		Check: func(v config.Values) []config.Conflict {
			if v.Get("role") == "southern" && v.Get("region") == "north" {
				return []config.Conflict{{Fields: []string{"role", "region"}, Text: "the role is of another region"}}
			}
			return nil
		},
	}
}

func vendors() []config.Vendor { return []config.Vendor{acme(), zeta()} }

// acmeEnv is a complete environment for acme.
func acmeEnv(more ...string) []string {
	return append([]string{
		"AWF_AUTH_TYPE=github-oidc", "AWF_AUTH_PROVIDER=acme",
		"AWF_AUTH_ACME_RULE_ID=rule_1", "AWF_AUTH_ACME_ORGANIZATION=org_1", "AWF_AUTH_ACME_ACCOUNT=acc_1",
	}, more...)
}

// inputs are Inputs without a config file unless env or flags name one.
func inputs(env ...string) config.Inputs {
	return config.Inputs{Env: env, Vendors: vendors(), GOOS: "linux"}
}

// withFile is inputs with a config file of the given text.
func withFile(t *testing.T, text string, env ...string) config.Inputs {
	t.Helper()
	return inputs(append([]string{"AWF_CRED_CONFIG=" + write(t, text)}, env...)...)
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func withFlag(in config.Inputs, name string, values ...string) config.Inputs {
	flags := map[string][]string{name: values}
	for n, v := range in.Flags {
		flags[n] = v
	}
	in.Flags = flags
	return in
}

// problemsOf is the text of all problems and their next steps.
func problemsOf(t *testing.T, err error) string {
	t.Helper()
	var p *config.Problems
	require.ErrorAs(t, err, &p)
	require.ErrorIs(t, err, exchange.Usage)
	require.NotEmpty(t, p.List)
	return p.Error() + "\n" + p.Hint()
}

func selected(t *testing.T, in config.Inputs) *config.Profile {
	t.Helper()
	_, p, err := config.Resolve(in, "")
	require.NoError(t, err)
	return p
}

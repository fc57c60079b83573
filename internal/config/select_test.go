package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/config"
)

const twoProfiles = `version: 1
default_profile: review
profiles:
  review:
    provider: acme
    identity: {type: github}
    rule_id: rule_1
    organization: org_1
    account: acc_1
  Review:
    provider: zeta
    role: r
    region: south
  open:
    rule_id: rule_9
    organization: org_9
    account: acc_9
`

func TestProviderAndPathAreChosenByTheContract(t *testing.T) {
	t.Parallel()
	federation := []string{"ACME_RULE_ID=rule_1", "ACME_ORGANIZATION=org_1", "ACME_ACCOUNT=acc_1"}
	awf := []string{"AWF_AUTH_ACME_RULE_ID=rule_1", "AWF_AUTH_ACME_ORGANIZATION=org_1", "AWF_AUTH_ACME_ACCOUNT=acc_1"}
	zeta := []string{"AWF_AUTH_ZETA_ROLE=r", "AWF_AUTH_ZETA_REGION=south"}
	with := func(sets ...[]string) []string {
		var all []string
		for _, s := range sets {
			all = append(all, s...)
		}
		return all
	}
	one := func(v ...string) []string { return v }
	for _, tt := range []struct {
		name     string
		env      []string
		flags    map[string][]string
		file     bool
		profile  string
		provider string
		origin   string
		static   string
	}{
		{name: "type and provider", env: acmeEnv(), profile: "environment", provider: "acme", origin: "env AWF_AUTH_PROVIDER"},
		{name: "type and provider, blanks and case aside", env: with(one("AWF_AUTH_TYPE= GitHub-OIDC ", "AWF_AUTH_PROVIDER= ACME "), awf), profile: "environment", provider: "acme", origin: "env AWF_AUTH_PROVIDER"},
		{name: "type without provider: inferred", env: with(one("AWF_AUTH_TYPE=github-oidc", "AWF_AUTH_PROVIDER="), zeta), profile: "environment", provider: "zeta", origin: "env AWF_AUTH_ZETA_REGION"},
		{name: "no type: inferred from AWF_AUTH_ variables", env: awf, profile: "environment", provider: "acme", origin: "env AWF_AUTH_ACME_ACCOUNT"},
		{name: "no type: inferred from the vendor's federation variables", env: federation, profile: "environment", provider: "acme", origin: "env ACME_RULE_ID"},
		{name: "with a type the vendor's own variables are no sign", env: with(one("AWF_AUTH_TYPE=github-oidc"), federation, zeta), profile: "environment", provider: "zeta", origin: "env AWF_AUTH_ZETA_REGION"},
		{name: "no type: AWF_AUTH_PROVIDER decides all the same", env: with(one("AWF_AUTH_PROVIDER=zeta"), awf, zeta), profile: "environment", provider: "zeta", origin: "env AWF_AUTH_PROVIDER"},
		{name: "the flag over AWF_AUTH_PROVIDER", env: with(one("AWF_AUTH_TYPE=github-oidc", "AWF_AUTH_PROVIDER=acme"), awf, zeta), flags: map[string][]string{"provider": {"zeta"}}, profile: "environment", provider: "zeta", origin: "flag --provider"},
		{name: "a flag of one provider says it is meant", flags: map[string][]string{"zeta-role": {"r"}, "zeta-region": {"north"}}, profile: "environment", provider: "zeta", origin: "flag --zeta-role"},

		{name: "a static key alone", env: one("ACME_API_KEY=k"), profile: "environment", provider: "acme", origin: "env ACME_API_KEY", static: "ACME_API_KEY"},
		{name: "the strongest of two static keys of one provider", env: one("ZETA_OTHER_KEY=o", "ZETA_KEY=k"), profile: "environment", provider: "zeta", origin: "env ZETA_KEY", static: "ZETA_KEY"},
		{name: "an empty static key is absent", env: one("ZETA_KEY=", "ZETA_OTHER_KEY=o"), profile: "environment", provider: "zeta", origin: "env ZETA_OTHER_KEY", static: "ZETA_OTHER_KEY"},
		{name: "static keys of two providers and the flag", env: one("ZETA_KEY=k", "ACME_API_KEY=k"), flags: map[string][]string{"provider": {"zeta"}}, profile: "environment", provider: "zeta", origin: "flag --provider", static: "ZETA_KEY"},
		{name: "static keys of two providers and AWF_AUTH_PROVIDER", env: one("ZETA_KEY=k", "ACME_API_KEY=k", "AWF_AUTH_PROVIDER=acme"), profile: "environment", provider: "acme", origin: "env ACME_API_KEY", static: "ACME_API_KEY"},
		{name: "a static key before federation without a type", env: with(one("ACME_API_KEY=k"), awf), profile: "environment", provider: "acme", origin: "env ACME_API_KEY", static: "ACME_API_KEY"},
		{name: "a type before a static key", env: acmeEnv("ACME_API_KEY=k"), profile: "environment", provider: "acme", origin: "env AWF_AUTH_PROVIDER"},
		{name: "the flag names a provider without a static key", env: with(one("ZETA_KEY=k"), awf), flags: map[string][]string{"provider": {"acme"}}, profile: "environment", provider: "acme", origin: "flag --provider"},

		{name: "default_profile", file: true, profile: "review", provider: "acme", origin: "file"},
		{name: "default_profile before a static key", file: true, env: one("ACME_API_KEY=k"), profile: "review", provider: "acme", origin: "file"},
		{name: "AWF_CRED_PROFILE over default_profile, its case counts", file: true, env: one("AWF_CRED_PROFILE=Review"), profile: "Review", provider: "zeta", origin: "file"},
		{name: "--profile over AWF_CRED_PROFILE", file: true, env: one("AWF_CRED_PROFILE=Review"), flags: map[string][]string{"profile": {"review"}}, profile: "review", provider: "acme", origin: "file"},
		{name: "the profile's provider over AWF_AUTH_PROVIDER", file: true, env: one("AWF_AUTH_TYPE=github-oidc", "AWF_AUTH_PROVIDER=zeta"), profile: "review", provider: "acme", origin: "file"},
		{name: "--provider over the profile's", file: true, env: zeta, flags: map[string][]string{"provider": {"zeta"}}, profile: "review", provider: "zeta", origin: "flag --provider"},
		{name: "a profile without provider: by its keys", file: true, env: one("AWF_CRED_PROFILE=open"), profile: "open", provider: "acme", origin: "file"},
		{name: "a profile without provider: by AWF_AUTH_PROVIDER", file: true, env: one("AWF_CRED_PROFILE=open", "AWF_AUTH_PROVIDER=acme"), profile: "open", provider: "acme", origin: "env AWF_AUTH_PROVIDER"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := inputs(tt.env...)
			if tt.file {
				in = withFile(t, twoProfiles, tt.env...)
			}
			in.Flags = tt.flags
			p := selected(t, in)
			assert.Equal(t, tt.profile, p.Name)
			assert.Equal(t, tt.profile == "environment", p.FromEnvironment)
			assert.Equal(t, tt.provider, p.Provider)
			assert.Contains(t, p.ProviderOrigin.String(), tt.origin)
			if tt.static == "" {
				assert.Nil(t, p.Static)
				return
			}
			require.NotNil(t, p.Static)
			assert.Equal(t, tt.static, p.Static.Env)
			assert.NotEmpty(t, p.Static.Value.Reveal())
			assert.Empty(t, p.Identity.Type)
		})
	}
}

func TestIdentityIsChosenByTheContract(t *testing.T) {
	t.Parallel()
	pair := []string{"ACTIONS_ID_TOKEN_REQUEST_URL=https://x", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=t"}
	profile := func(identity string) string {
		return "default_profile: p\nprofiles:\n  p:\n    provider: acme\n    rule_id: rule_1\n    organization: org_1\n    account: acc_1\n" + identity
	}
	acmeVars := []string{"ACME_RULE_ID=rule_1", "ACME_ORGANIZATION=org_1", "ACME_ACCOUNT=acc_1"}
	for _, tt := range []struct {
		name   string
		env    []string
		flag   string
		file   string
		want   string
		origin string
	}{
		{"nothing said and nothing there: github, which explains itself", acmeVars, "", "", "github", "default"},
		{"the GitHub pair", append(pair, acmeVars...), "", "", "github", "env ACTIONS_ID_TOKEN_REQUEST_URL"},
		{"the GitHub pair over the vendor's variables", append(append([]string{"ACME_IDENTITY_TOKEN_FILE=/t"}, pair...), acmeVars...), "", "", "github", "env"},
		{"half a pair is none", append([]string{"ACME_IDENTITY_TOKEN_FILE=/t", pair[0]}, acmeVars...), "", "", "file:/t", "env ACME_IDENTITY_TOKEN_FILE"},
		{"a blank half is none", append([]string{"ACME_IDENTITY_TOKEN_FILE=/t", pair[0], "ACTIONS_ID_TOKEN_REQUEST_TOKEN= "}, acmeVars...), "", "", "file:/t", "env ACME_IDENTITY_TOKEN_FILE"},
		{"the vendor's file over its literal", append([]string{"ACME_IDENTITY_TOKEN=j", "ACME_IDENTITY_TOKEN_FILE=/t"}, acmeVars...), "", "", "file:/t", "env ACME_IDENTITY_TOKEN_FILE"},
		{"the vendor's literal", append([]string{"ACME_IDENTITY_TOKEN=j"}, acmeVars...), "", "", "env:ACME_IDENTITY_TOKEN", "env ACME_IDENTITY_TOKEN"},
		{"another vendor's variables do not count", append([]string{"ZETA_WEB_IDENTITY_TOKEN_FILE=/z"}, acmeVars...), "", "", "github", "default"},
		{"the type means github", acmeEnv("ACME_IDENTITY_TOKEN_FILE=/t"), "", "", "github", "env AWF_AUTH_TYPE"},
		{"AWF_CRED_IDENTITY says more than the type", acmeEnv("AWF_CRED_IDENTITY=file:/t"), "", "", "file:/t", "env AWF_CRED_IDENTITY"},
		{"the flag over AWF_CRED_IDENTITY", acmeEnv("AWF_CRED_IDENTITY=file:/t"), "env:TOKEN", "", "env:TOKEN", "flag --identity"},
		{"the profile's over AWF_CRED_IDENTITY and the type", acmeEnv("AWF_CRED_IDENTITY=file:/t"), "", profile("    identity: {type: env, name: T}\n"), "env:T", "file"},
		{"the flag over the profile's", nil, "github", profile("    identity: {type: env, name: T}\n"), "github", "flag --identity"},
		{"AWF_CRED_IDENTITY where the profile says nothing", []string{"AWF_CRED_IDENTITY=env:T"}, "", profile(""), "env:T", "env AWF_CRED_IDENTITY"},
		{"a profile's file", nil, "", profile("    identity: {type: file, path: /var/run/t}\n"), "file:/var/run/t", "file"},
		{"a profile's short form", nil, "", profile("    identity: file:/var/run/t\n"), "file:/var/run/t", "file"},
		{"a profile's null", nil, "", profile("    identity: ~\n"), "github", "default"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := inputs(tt.env...)
			if tt.file != "" {
				in = withFile(t, tt.file, tt.env...)
			}
			if tt.flag != "" {
				in = withFlag(in, "identity", tt.flag)
			}
			id := selected(t, in).Identity
			assert.Equal(t, tt.want, id.String())
			assert.Contains(t, id.Origin.String(), tt.origin)
		})
	}
}

func TestACommandSourceComesWithItsDefaults(t *testing.T) {
	t.Parallel()
	text := "default_profile: p\nprofiles:\n  p:\n    provider: acme\n    rule_id: rule_1\n    organization: org_1\n    account: acc_1\n    identity:\n      type: command\n      argv: [/bin/agent, oidc, --audience, 'a b']\n"
	id := selected(t, withFile(t, text)).Identity
	assert.Equal(t, []string{"/bin/agent", "oidc", "--audience", "a b"}, id.Argv)
	assert.Equal(t, "10s", id.Timeout.String())
	assert.Equal(t, config.DefaultKeyEnv(), id.KeyEnv)
	assert.Equal(t, "command:/bin/agent (3 arguments)", id.String())

	id = selected(t, withFile(t, text+"      timeout: 3s\n      key_env: [JOB, RUN]\n")).Identity
	assert.Equal(t, "3s", id.Timeout.String())
	assert.Equal(t, []string{"JOB", "RUN"}, id.KeyEnv)
}

func TestSeveralProfilesAreWhatTheFileSays(t *testing.T) {
	t.Parallel()
	env := []string{
		"AWF_AUTH_ACME_RULE_ID=rule_env", "ACME_ORGANIZATION=org_env", "AWF_AUTH_OIDC_AUDIENCE=aud",
		"ACME_IDENTITY_TOKEN_FILE=/t", "ACME_API_TARGET=host", "AWF_CRED_CACHE=memory",
	}
	c, err := config.Load(withFile(t, twoProfiles, env...))
	require.NoError(t, err)
	profiles, warning, err := c.SelectAll([]string{"review", "Review"})
	require.NoError(t, err)
	require.Len(t, profiles, 2)
	assert.Equal(t, "rule_1", profiles[0].Values.Get("rule_id"))
	assert.Equal(t, "org_1", profiles[0].Values.Get("organization"))
	assert.Empty(t, profiles[0].Audience.Value)
	assert.Equal(t, "github", profiles[0].Identity.String())
	assert.Equal(t, "memory", profiles[0].Cache)
	assert.Equal(t, "zeta", profiles[1].Provider)
	assert.Equal(t, "several profiles are in use: ignored ACME_IDENTITY_TOKEN_FILE, ACME_ORGANIZATION, AWF_AUTH_ACME_RULE_ID, AWF_AUTH_OIDC_AUDIENCE", warning)

	for _, names := range [][]string{{"review"}, {"review", "review"}} {
		profiles, warning, err = c.SelectAll(names)
		require.NoError(t, err)
		require.Len(t, profiles, len(names))
		assert.Equal(t, "rule_env", profiles[0].Values.Get("rule_id"), "the variables of one profile count")
		assert.Empty(t, warning)
	}
	profiles, warning, err = c.SelectAll(nil)
	require.NoError(t, err)
	assert.Equal(t, "review", profiles[0].Name)
	assert.Empty(t, warning)
}

func TestMintNeedsAnIdentityOnly(t *testing.T) {
	t.Parallel()
	c, err := config.Load(inputs("ACME_API_KEY=k", "AWF_CRED_IDENTITY=env:TOKEN"))
	require.NoError(t, err)
	p, err := c.SelectIdentity("")
	require.NoError(t, err)
	assert.Nil(t, p.Static)
	assert.Equal(t, "env:TOKEN", p.Identity.String())
	assert.Empty(t, p.Provider)

	c, err = config.Load(inputs("AWF_AUTH_ACME_RULE_ID=rule_1", "AWF_AUTH_OIDC_AUDIENCE=aud"))
	require.NoError(t, err)
	p, err = c.SelectIdentity("")
	require.NoError(t, err)
	assert.Equal(t, "acme", p.Provider)
	assert.Equal(t, "aud", p.Audience.Value)
}

func TestTypedValues(t *testing.T) {
	t.Parallel()
	c, p, err := config.Resolve(withFile(t, "profiles:\n  p:\n    provider: zeta\n    role: r\n    region: south\n    policies: [a, b]\n    use_fips: true\n    session_policy: |\n      {\n        \"Version\": \"1\"\n      }\n    min_ttl: 90s\n    allow_assertion_reuse: true\n",
		"AWF_CRED_PROFILE=p", "AWF_CRED_TIMEOUT=30s"), "")
	require.NoError(t, err)
	assert.Equal(t, "30s", c.Global.Timeout.String())
	assert.Nil(t, c.Global.MinTTL)
	assert.Equal(t, "file", c.Global.CacheStore)
	assert.Equal(t, "warn", c.Global.LogLevel)
	assert.Equal(t, "text", c.Global.LogFormat)
	assert.True(t, c.Global.ConfigFound)
	require.NotNil(t, p.MinTTL)
	assert.Equal(t, "1m30s", p.MinTTL.String())
	assert.Equal(t, "a,b", p.Values.Get("policies"))
	assert.Equal(t, "true", p.Values.Get("use_fips"))
	assert.Contains(t, p.Values.Get("session_policy"), "\n")
	assert.True(t, p.AllowAssertionReuse)

	in := withFlag(inputs("AWF_AUTH_ZETA_ROLE=r", "AWF_AUTH_ZETA_REGION=south"), "zeta-policies", "a", "b,c")
	assert.Equal(t, "a,b,c", selected(t, in).Values.Get("policies"))
}

func TestTheLogLevelHasShortForms(t *testing.T) {
	t.Parallel()
	in := inputs(acmeEnv("AWF_CRED_LOG_LEVEL=info")...)
	in.LogLevel = "info"
	for flag, level := range map[string]string{"quiet": "error", "verbose": "debug"} {
		c, err := config.Load(withFlag(in, flag, "true"))
		require.NoError(t, err)
		assert.Equal(t, level, c.Global.LogLevel)
	}
	c, err := config.Load(withFlag(in, "quiet", "false"))
	require.NoError(t, err)
	assert.Equal(t, "info", c.Global.LogLevel)
	c, err = config.Load(config.Inputs{LogLevel: "info"})
	require.NoError(t, err)
	assert.Equal(t, "info", c.Global.LogLevel)
	assert.Equal(t, "default", c.Global.Settings["log_level"].Origin.String())
}

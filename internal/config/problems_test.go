package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// F001, F002, F003, T33: every problem in one run, by the names that mend it.
func TestEveryProblemIsNamedInOneRun(t *testing.T) {
	t.Parallel()
	profile := func(rest string) string {
		return "default_profile: p\nprofiles:\n  p:\n    provider: acme\n    rule_id: rule_1\n    organization: org_1\n    account: acc_1\n" + rest
	}
	for _, tt := range []struct {
		name  string
		env   []string
		flags map[string][]string
		file  string
		want  []string
		not   []string
		count int
	}{
		{name: "nothing at all", count: 1, want: []string{
			"nothing says which provider to use", "--provider, AWF_AUTH_PROVIDER", "acme, zeta",
			"acme needs AWF_AUTH_ACME_RULE_ID, AWF_AUTH_ACME_ORGANIZATION, AWF_AUTH_ACME_ACCOUNT, or a static key in ACME_API_KEY",
			"zeta needs AWF_AUTH_ZETA_ROLE, AWF_AUTH_ZETA_REGION"}},
		{name: "a provider and nothing else", env: []string{"AWF_AUTH_TYPE=github-oidc", "AWF_AUTH_PROVIDER=acme"}, count: 3, want: []string{
			"acme: rule_id is missing", "acme: organization is missing", "acme: account is missing",
			"set AWF_AUTH_ACME_RULE_ID, or ACME_RULE_ID, or --acme-rule-id, or profiles.NAME.rule_id in the config file to rule_…"}},
		{name: "five malformed values", count: 5, env: []string{"AWF_AUTH_TYPE=github-oidc", "AWF_AUTH_PROVIDER=acme", "AWF_AUTH_ACME_RULE_ID=x1", "ACME_ORGANIZATION=x2",
			"AWF_AUTH_ACME_ACCOUNT=x3", "AWF_CRED_TIMEOUT=x4", "AWF_CRED_CACHE=x5"}, want: []string{
			`rule_id = "x1" (env AWF_AUTH_ACME_RULE_ID): does not begin with rule_; expected rule_…`,
			`organization = "x2" (env ACME_ORGANIZATION): does not begin with org_; expected org_…`,
			`account = "x3" (env AWF_AUTH_ACME_ACCOUNT)`,
			`timeout = "x4" (env AWF_CRED_TIMEOUT): is not a duration; expected a duration such as 30s or 1m`,
			`cache = "x5" (env AWF_CRED_CACHE): is not known; expected file, keyring, auto, memory or none`,
			"AWF_CRED_TIMEOUT, or --timeout, or timeout in the config file", "5 problems in the configuration"}},
		{name: "missing and malformed together, whatever the level", count: 3, env: []string{"AWF_AUTH_PROVIDER=zeta", "AWF_AUTH_ZETA_REGION=nort"},
			flags: map[string][]string{"min-ttl": {"-1s"}}, want: []string{
				"zeta: role is missing", `region = "nort" (env AWF_AUTH_ZETA_REGION): is not known; expected north or south; did you mean north?`,
				`min_ttl = "-1s" (flag --min-ttl): is negative`}},
		{name: "a misspelt variable", count: 1, env: []string{"AWF_AUTH_PROVIDER=acme", "AWF_AUTH_ACME_RULEID=rule_1", "ACME_ORGANIZATION=org_1", "ACME_ACCOUNT=acc_1"},
			want: []string{"rule_id is missing; the variable AWF_AUTH_ACME_RULEID is set: is it misspelt?"}},
		{name: "an unknown type", count: 1, env: append(acmeEnv()[1:], "AWF_AUTH_TYPE=github-odic"), want: []string{
			`env AWF_AUTH_TYPE = "github-odic": is not known; expected github-oidc; did you mean github-oidc?`}},
		{name: "an unknown provider", count: 1, env: []string{"AWF_AUTH_TYPE=github-oidc", "AWF_AUTH_PROVIDER=amce"}, want: []string{
			`provider = "amce" (env AWF_AUTH_PROVIDER): is not known; did you mean acme?`}},
		{name: "malformed settings without a provider", count: 3, flags: map[string][]string{"identity": {"fil:x"}}, env: []string{"AWF_AUTH_OIDC_AUDIENCE=a\nb"}, want: []string{
			"nothing says which provider to use", `identity = "fil:x" (flag --identity): is not known`, "audience"}},
		{name: "an unknown provider beside a static key", count: 1, env: []string{"ACME_API_KEY=k", "AWF_AUTH_PROVIDER=amce"}, want: []string{"did you mean acme?"}},
		{name: "an unknown provider by flag", count: 1, flags: map[string][]string{"provider": {"zata"}}, want: []string{`"zata" (flag --provider)`, "did you mean zeta?"}},
		{name: "settings of two providers", count: 2, env: []string{"AWF_AUTH_ACME_RULE_ID=bad", "AWF_AUTH_ZETA_ROLE=r"}, want: []string{
			"acme: env AWF_AUTH_ACME_RULE_ID, zeta: env AWF_AUTH_ZETA_ROLE", `rule_id = "bad"`}},
		{name: "settings of two providers, one by its own variables", count: 1, env: []string{"ACME_RULE_ID=rule_1", "AWF_AUTH_ZETA_ROLE=r"}, want: []string{
			"acme: env ACME_RULE_ID, zeta: env AWF_AUTH_ZETA_ROLE"}},
		{name: "a type and only the vendor's own variables", count: 1, env: []string{"AWF_AUTH_TYPE=github-oidc", "ACME_RULE_ID=rule_1"}, want: []string{
			"nothing says which provider to use"}},
		{name: "static keys of two providers", count: 1, env: []string{"ACME_API_KEY=secret-canary", "ZETA_OTHER_KEY=secret-canary"}, want: []string{
			"env ACME_API_KEY, env ZETA_OTHER_KEY", "--provider"}, not: []string{"canary"}},
		{name: "a static key with a line break", count: 1, env: []string{"ACME_API_KEY=secret-canary\r\nx"}, want: []string{"env ACME_API_KEY (redacted)"}, not: []string{"canary"}},
		{name: "a secret setting is not repeated", count: 1, env: []string{"AWF_AUTH_PROVIDER=zeta", "AWF_AUTH_ZETA_ROLE=r", "AWF_AUTH_ZETA_REGION=north", "AWF_AUTH_ZETA_PASSWORD=bad-canary-secret"},
			want: []string{"password = (redacted) (env AWF_AUTH_ZETA_PASSWORD): is bad; expected a password"}, not: []string{"canary"}},
		{name: "a token where an id belongs is not repeated", count: 1, env: acmeEnv("X=1")[:2:2], flags: map[string][]string{
			"acme-rule-id": {"sk-ant-oat01-canary"}, "acme-organization": {"org_1"}, "acme-account": {"acc_1"}}, want: []string{"rule_id = (redacted) (flag --acme-rule-id)"}, not: []string{"canary"}},
		{name: "a URL with a password is not repeated", count: 1, env: acmeEnv("AWF_AUTH_ACME_TOKEN_URL=https://user:canary@api.example"), want: []string{"token_url = (redacted)", "user name or password"}, not: []string{"canary"}},
		{name: "settings that contradict each other", count: 1, env: []string{"AWF_AUTH_PROVIDER=zeta", "AWF_AUTH_ZETA_ROLE=southern"}, flags: map[string][]string{"zeta-region": {"north"}}, want: []string{
			`role = "southern" (env AWF_AUTH_ZETA_ROLE) and region = "north" (flag --zeta-region): the role is of another region`}},
		{name: "quiet and verbose", count: 1, env: acmeEnv(), flags: map[string][]string{"quiet": {"true"}, "verbose": {"true"}}, want: []string{
			`flag --quiet says "error", flag --verbose says "debug"`}},
		{name: "log level and verbose", count: 1, env: acmeEnv(), flags: map[string][]string{"log-level": {"info"}, "verbose": {"true"}}, want: []string{
			`flag --log-level says "info", flag --verbose says "debug"`}},
		{name: "an unknown profile", count: 1, env: []string{"AWF_CRED_PROFILE=reveiw"}, file: twoProfiles, want: []string{
			`profile "reveiw" (env AWF_CRED_PROFILE) is not in the config file`, "did you mean review?", "review, Review, open"}},
		{name: "a profile and no file", count: 1, env: []string{"AWF_CRED_PROFILE=p", "HOME=/nonexistent"}, want: []string{`profile "p" (env AWF_CRED_PROFILE): there is no config file /nonexistent/.config/awf-cred/config.yaml`}},
		{name: "a profile and no place for a file", count: 1, env: []string{"AWF_CRED_PROFILE=p"}, want: []string{`there is no config file`}},
		{name: "a profile and a file without profiles", count: 1, env: []string{"AWF_CRED_PROFILE=p"}, file: "version: 1\n", want: []string{"which has no profiles"}},
		{name: "an unknown identity", count: 1, env: acmeEnv("AWF_CRED_IDENTITY=fiel:/x"), want: []string{`identity = "fiel:/x" (env AWF_CRED_IDENTITY): is not known; did you mean file?`}},
		{name: "a command by variable", count: 1, env: acmeEnv("AWF_CRED_IDENTITY=command:/x"), want: []string{"which only a profile of the config file can name"}},
		{name: "a file without path", count: 1, env: acmeEnv("AWF_CRED_IDENTITY=file:"), want: []string{"has no path after its colon"}},
		{name: "a variable without name", count: 1, env: acmeEnv("AWF_CRED_IDENTITY=env:A B"), want: []string{"has no name of a variable after its colon"}},
		{name: "github with more", count: 1, env: acmeEnv("AWF_CRED_IDENTITY=github:x"), want: []string{"has something after github"}},
		{name: "values of a profile in the file", count: 2, file: profile("    token_url: http://api.example/\n    min_ttl: 120\n"), want: []string{
			"token_url = \"http://api.example/\" (file ", "config.yaml:8): is plain http", `min_ttl = "120" (file `, "profiles.p.token_url in the config file"}},
		{name: "what a profile lacks", count: 2, file: "default_profile: p\nprofiles:\n  p:\n    provider: acme\n    rule_id: rule_1\n", want: []string{
			"acme: organization is missing in profile p", "acme: account is missing in profile p", "profiles.p.account in the config file"}},
		{name: "a profile without provider", count: 1, file: "default_profile: p\nprofiles:\n  p: {token_url: 'https://x.example'}\n", want: []string{
			"profile p: nothing says which provider to use", "acme needs rule_id, organization, account"}},
		{name: "keys of a provider other than the one that the environment names", count: 3, env: []string{"AWF_AUTH_PROVIDER=zeta"}, file: "default_profile: p\nprofiles:\n  p: {rule_id: rule_1}\n", want: []string{
			"profile p has rule_id (file ", "which is no setting of zeta (env AWF_AUTH_PROVIDER)"}},
		{name: "an identity of an unknown type", count: 1, file: profile("    identity: {type: githb}\n"), want: []string{`identity of profile p (file `, `type "githb" is not known; did you mean github?`}},
		{name: "an identity without type", count: 1, file: profile("    identity: {path: /x}\n"), want: []string{"type is missing"}},
		{name: "an identity of two kinds", count: 1, file: profile("    identity: {type: github, path: /x}\n"), want: []string{"path contradicts type github"}},
		{name: "an identity file without path", count: 1, file: profile("    identity: {type: file}\n"), want: []string{"path is missing"}},
		{name: "an identity variable without name", count: 1, file: profile("    identity: {type: env, name: 'A B'}\n"), want: []string{"name must be the name of a variable"}},
		{name: "a command without argv", count: 1, file: profile("    identity: {type: command}\n"), want: []string{"argv is missing"}},
		{name: "a command below the working directory", count: 1, file: profile("    identity: {type: command, argv: [./helper]}\n"), want: []string{"relative to the working directory"}},
		{name: "a command's timeout and keys", count: 2, file: profile("    identity: {type: command, argv: [helper], timeout: 1h, key_env: ['A=B']}\n"), want: []string{`timeout "1h" is longer than 5m0s`, `key_env holds "A=B"`}},
		{name: "a short identity that is none", count: 1, file: profile("    identity: command\n"), want: []string{"only a profile"}},
		{name: "a misspelt flag value", count: 1, env: acmeEnv(), flags: map[string][]string{"cache": {"keyrign"}}, want: []string{"did you mean keyring?", "flag --cache"}},
		{name: "a boolean that is none", count: 1, env: []string{"AWF_AUTH_PROVIDER=zeta", "AWF_AUTH_ZETA_ROLE=r", "AWF_AUTH_ZETA_REGION=north", "AWF_AUTH_ZETA_USE_FIPS=yes"}, want: []string{`use_fips = "yes" (env AWF_AUTH_ZETA_USE_FIPS): is neither true nor false`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := inputs(tt.env...)
			if tt.file != "" {
				in = withFile(t, tt.file, tt.env...)
			}
			in.Flags = tt.flags
			c, p, err := config.Resolve(in, "")
			require.NotNil(t, c)
			require.NotNil(t, p)
			text := problemsOf(t, err)
			for _, want := range tt.want {
				assert.Contains(t, text, want)
			}
			for _, not := range tt.not {
				assert.NotContains(t, text, not)
			}
			var problems *config.Problems
			require.ErrorAs(t, err, &problems)
			assert.Len(t, problems.List, tt.count, text)
			for _, one := range problems.List {
				assert.NotContains(t, one.Text, "\n")
				assert.NotEmpty(t, one.Mend, one.Text)
			}
			c.Settings(p) // whatever is wrong, what there is can be shown
		})
	}
}

// T33: a poisoned value in each variable is class 2, one line, and never a panic.
func TestPoisonedValuesAreRefusedInEveryVariable(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"CR LF": "rule_1\r\nX: y", "LF at the end": "rule_1\n", "NUL": "rule_1\x00", "not UTF-8": "rule_\xff\xfe", "very long": "rule_" + strings.Repeat("x", 100_000),
		"a bidi control": "rule_1\u2028", "an escape": "rule_1\x1b[31m", "C1": "rule_\u0085",
	}
	var names []string
	for _, f := range append(append(config.GlobalFields(), config.ProfileFields()...), append(acme().Fields, zeta().Fields...)...) {
		if !f.Path && !f.Lines {
			names = append(names, f.Env...)
		}
	}
	assert.Greater(t, len(names), 15)
	for _, name := range names {
		for kind, value := range values {
			env := []string{name + "=" + value}
			for _, pair := range append(acmeEnv(), "AWF_AUTH_ZETA_ROLE=r", "AWF_AUTH_ZETA_REGION=north") {
				if n, _, _ := strings.Cut(pair, "="); n != name && n != "AWF_AUTH_ACME_"+strings.TrimPrefix(name, "ACME_") && n != "AWF_AUTH_ZETA_REGION" {
					env = append(env, pair)
				}
			}
			in := inputs(env...)
			if strings.Contains(name, "ZETA") {
				in = withFlag(in, "provider", "zeta")
			}
			_, _, err := config.Resolve(in, "")
			require.ErrorIs(t, err, exchange.Usage, "%s with %s", name, kind)
			var p *config.Problems
			require.ErrorAs(t, err, &p)
			text := p.Error() + "\n" + p.Hint()
			assert.Contains(t, text, name, "%s with %s", name, kind)
			for _, one := range p.List {
				assert.NotContains(t, one.Text, "\n")
				assert.NotContains(t, one.Text, "\x1b")
				assert.Less(t, len(one.Text), 1000)
			}
		}
	}
}

func TestPathsAreTakenByteForByte(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/with space ", "/new\nline", "/\xff\xfe", "/" + strings.Repeat("x", 4000), " relative "} {
		c, err := config.Load(inputs("AWF_CRED_CACHE_DIR=" + path))
		require.NoError(t, err)
		assert.Equal(t, path, c.Global.CacheDir)
	}
}

func TestProblemsOfLoadAndSelectAreReportedTogether(t *testing.T) {
	t.Parallel()
	c, err := config.Load(inputs("AWF_CRED_TIMEOUT=soon", "AWF_AUTH_PROVIDER=acme"))
	var loaded *config.Problems
	require.ErrorAs(t, err, &loaded)
	assert.Len(t, loaded.List, 1)
	for range 2 { // selecting twice does not double them
		_, err = c.Select("")
		var all *config.Problems
		require.ErrorAs(t, err, &all)
		assert.Len(t, all.List, 4)
	}
	assert.False(t, errors.Is(err, exchange.Identity))
}

func TestNoProblemHidesBehindABrokenFile(t *testing.T) {
	t.Parallel()
	_, _, err := config.Resolve(withFile(t, "profiles:\n  p: {provider: acme, rule: x}\n", "AWF_CRED_PROFILE=q", "AWF_CRED_TIMEOUT=soon", "AWF_AUTH_ACME_RULE_ID=bad"), "")
	text := problemsOf(t, err)
	assert.Contains(t, text, `unknown key "rule" in profile "p"`)
	assert.Contains(t, text, "timeout")
	assert.NotContains(t, text, "is missing", "what is missing may only be unread")
	assert.NotContains(t, text, "is not in the config file")
}

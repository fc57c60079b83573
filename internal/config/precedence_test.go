package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/config"
)

// sample gives two well-formed values for each setting, neither its default.
var samples = map[string][2]string{
	"cache": {"memory", "none"}, "cache_dir": {"/a/b c", "/d"}, "min_ttl": {"30s", "1m30s"}, "ca_file": {"/a.pem", "/b.pem"},
	"timeout": {"5s", "7s"}, "log_level": {"debug", "error"}, "log_format": {"json", "json"},
	"audience": {"aud-one", "https://aud.example"}, "upstream": {"https://one.example", "http://127.0.0.1:8080/x"},
	"base_path": {"/v1", "/v2"}, "allow_assertion_reuse": {"true", "true"},
	"rule_id": {"rule_a", "rule_b"}, "organization": {"org_a", "org_b"}, "account": {"acc_a", "acc_b"},
	"token_url": {"https://other.example/t", "http://localhost:1/t"},
}

func TestEverySettingIsTakenFromItsFlagItsVariablesAndItsKey(t *testing.T) {
	t.Parallel()
	var fields []config.Field
	for _, f := range append(append(config.GlobalFields(), config.ProfileFields()...), acme().Fields...) {
		switch f.Name {
		case "config", "profile", "provider", "auth_type", "identity":
			continue // choices, tested with Select
		}
		fields = append(fields, f)
	}
	for _, f := range fields {
		require.Contains(t, samples, f.Name)
		want := samples[f.Name][0]
		check := func(name string, in config.Inputs, origin func(config.Inputs) string) {
			t.Run(f.Name+" from its "+name, func(t *testing.T) {
				t.Parallel()
				c, p, err := config.Resolve(in, "")
				require.NoError(t, err)
				s := find(t, c.Settings(p), f.Name)
				assert.Equal(t, want, s.Value)
				assert.Equal(t, origin(in), s.Origin.String())
			})
		}
		if f.Flag != "" {
			check("flag", withFlag(inputs(acmeEnv()...), f.Flag, want), func(config.Inputs) string { return "flag --" + f.Flag })
		}
		for _, name := range f.Env {
			env := []string{name + "=" + want}
			for _, v := range acmeEnv() {
				if !strings.HasPrefix(v, f.Env[0]+"=") {
					env = append(env, v)
				}
			}
			check("variable "+name, inputs(env...), func(config.Inputs) string { return "env " + name })
		}
		file := "profiles:\n  p:\n    provider: acme\n    rule_id: rule_1\n    organization: org_1\n    account: acc_1\n"
		line := 7
		if i := strings.Index(file, f.Name+": "); i >= 0 {
			line = strings.Count(file[:i], "\n") + 1
			before, after, _ := strings.Cut(file, f.Name+": ")
			_, after, _ = strings.Cut(after, "\n")
			file = fmt.Sprintf("%s%s: %q\n%s", before, f.Name, want, after)
		} else if in(config.ProfileFields(), f.Name) || in(acme().Fields, f.Name) || f.Name == "cache" || f.Name == "min_ttl" {
			file += fmt.Sprintf("    %s: %q\n", f.Name, want)
		} else {
			file += fmt.Sprintf("%s: %q\n", f.Name, want)
		}
		check("key", withFile(t, file, "AWF_CRED_PROFILE=p"), func(in config.Inputs) string {
			return fmt.Sprintf("file %s:%d", strings.TrimPrefix(in.Env[0], "AWF_CRED_CONFIG="), line)
		})
	}
}

func in(fields []config.Field, name string) bool {
	for _, f := range fields {
		if f.Name == name {
			return true
		}
	}
	return false
}

func find(t *testing.T, settings []config.Setting, name string) config.Setting {
	t.Helper()
	var found []config.Setting
	for _, s := range settings {
		if s.Name == name {
			found = append(found, s)
		}
	}
	require.Len(t, found, 1, "settings named %s", name)
	return found[0]
}

func TestTheStrongerOfTwoLevelsWins(t *testing.T) {
	t.Parallel()
	file := func(extra string) string {
		return "cache: none\ndefault_profile: p\nprofiles:\n  p: {provider: acme, organization: org_1, account: acc_1, rule_id: rule_file" + extra + "}\n"
	}
	for _, tt := range []struct {
		name   string
		env    []string
		flag   []string // name and value
		file   string
		field  string
		value  string
		origin string // what it begins with
	}{
		{"flag over variable", []string{"AWF_AUTH_ACME_RULE_ID=rule_env"}, []string{"acme-rule-id", "rule_flag"}, "", "rule_id", "rule_flag", "flag --acme-rule-id"},
		{"flag over second variable", []string{"ACME_RULE_ID=rule_env"}, []string{"acme-rule-id", "rule_flag"}, "", "rule_id", "rule_flag", "flag"},
		{"flag over file", nil, []string{"acme-rule-id", "rule_flag"}, file(""), "rule_id", "rule_flag", "flag"},
		{"flag over default", nil, []string{"acme-token-url", "https://x.example"}, file(""), "token_url", "https://x.example", "flag"},
		{"first variable over second", []string{"ACME_RULE_ID=rule_second", "AWF_AUTH_ACME_RULE_ID=rule_first"}, nil, "", "rule_id", "rule_first", "env AWF_AUTH_ACME_RULE_ID"},
		{"variable over file", []string{"AWF_AUTH_ACME_RULE_ID=rule_env"}, nil, file(""), "rule_id", "rule_env", "env"},
		{"second variable over file", []string{"ACME_RULE_ID=rule_env"}, nil, file(""), "rule_id", "rule_env", "env ACME_RULE_ID"},
		{"variable over default", []string{"AWF_AUTH_ACME_TOKEN_URL=https://x.example"}, nil, file(""), "token_url", "https://x.example", "env"},
		{"file over default", nil, nil, file(", token_url: 'https://f.example'"), "token_url", "https://f.example", "file "},
		{"default alone", nil, nil, file(""), "token_url", "https://api.acme.example/token", "default"},
		{"an empty variable is absent", []string{"AWF_AUTH_ACME_RULE_ID="}, nil, file(""), "rule_id", "rule_file", "file "},
		{"a blank variable is absent", []string{"AWF_AUTH_ACME_RULE_ID= \t\n "}, nil, file(""), "rule_id", "rule_file", "file "},
		{"an empty first variable leaves the second", []string{"AWF_AUTH_ACME_RULE_ID=", "ACME_RULE_ID=rule_second"}, nil, file(""), "rule_id", "rule_second", "env ACME_RULE_ID"},
		{"a blank flag is absent", []string{"AWF_AUTH_ACME_RULE_ID=rule_env"}, []string{"acme-rule-id", " "}, file(""), "rule_id", "rule_env", "env"},
		{"a blank key is absent", nil, nil, file(", token_url: ' '"), "token_url", "https://api.acme.example/token", "default"},
		{"a null key is absent", nil, nil, file(", token_url: ~"), "token_url", "https://api.acme.example/token", "default"},
		{"the last of a repeated flag", nil, []string{"acme-rule-id", "rule_1st", "rule_2nd"}, file(""), "rule_id", "rule_2nd", "flag"},
		{"blanks around a value do not count", []string{"AWF_AUTH_ACME_RULE_ID=  rule_env\t"}, nil, file(""), "rule_id", "rule_env", "env"},
		{"a profile's cache over the file's", nil, nil, file(", cache: auto"), "cache", "auto", "file "},
		{"the file's cache for a profile without one", nil, nil, file(""), "cache", "none", "file "},
		{"the variable over a profile's cache", []string{"AWF_CRED_CACHE=memory"}, nil, file(", cache: auto"), "cache", "memory", "env AWF_CRED_CACHE"},
		{"the flag over a profile's min_ttl", []string{"AWF_CRED_MIN_TTL=3m"}, []string{"min-ttl", "4m"}, file(", min_ttl: 5m"), "min_ttl", "4m", "flag --min-ttl"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := append(tt.env, "AWF_AUTH_ACME_ORGANIZATION=org_1", "AWF_AUTH_ACME_ACCOUNT=acc_1")
			in := inputs(env...)
			if tt.file != "" {
				in = withFile(t, tt.file, env...)
			}
			if tt.flag != nil {
				in = withFlag(in, tt.flag[0], tt.flag[1:]...)
			}
			c, p, err := config.Resolve(in, "")
			require.NoError(t, err)
			s := find(t, c.Settings(p), tt.field)
			assert.Equal(t, tt.value, s.Value)
			assert.True(t, strings.HasPrefix(s.Origin.String(), tt.origin), s.Origin.String())
		})
	}
}

package provider_test

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// What every provider must bring, so that a new one is not forgotten anywhere.
func TestEveryProviderIsComplete(t *testing.T) {
	t.Parallel()
	names := provider.Names()
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(names))), len(names), "no name twice")
	for _, p := range provider.All {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			assert.NotEmpty(t, p.Kind)
			assert.NotEmpty(t, p.StaticKeys)
			assert.NotEmpty(t, p.Consumers)
			assert.NotEmpty(t, p.Inference)
			assert.NotZero(t, p.Port)
			for name, f := range map[string]bool{
				"New": p.New != nil, "Audience": p.Audience != nil, "Header": p.Header != nil, "SDKEnv": p.SDKEnv != nil,
				"Upstream": p.Upstream != nil, "Injector": p.Injector != nil, "ProxyEnv": p.ProxyEnv != nil,
			} {
				assert.True(t, f, "%s is missing", name)
			}
			for _, f := range p.Fields {
				assert.Regexp(t, regexp.MustCompile(`^[a-z][a-z0-9_]*$`), f.Name)
				assert.NotEmpty(t, f.Help, f.Name)
				for _, name := range f.Env {
					if rest, ok := strings.CutPrefix(name, "AWF_AUTH_"); ok {
						assert.Equal(t, strings.ReplaceAll(strings.ToLower(rest), "_", "-"), f.Flag,
							"every AWF_AUTH_* setting has the flag of its name")
					}
				}
			}
			for _, name := range p.Endpoints {
				found := false
				for _, f := range p.Fields {
					found = found || f.Name == name
				}
				assert.True(t, found, "endpoint %s is no field", name)
			}
			got, ok := provider.Lookup(p.Name)
			assert.True(t, ok)
			assert.Equal(t, p.Name, got.Name)
		})
	}
	_, ok := provider.Lookup("Anthropic")
	assert.False(t, ok)
}

// A consumer of every provider finds each variable once, and nothing is set and
// removed at the same time.
func TestVariablesAreNotContradictory(t *testing.T) {
	t.Parallel()
	for _, p := range provider.All {
		c := exchange.Credential{Provider: p.Name, Kind: p.Kind, Token: secret.New("t"), AWS: &exchange.AWSKeys{}}
		for _, consumer := range p.Consumers {
			vars, err := p.SDKEnv(config.Values{}, c, consumer)
			require.NoError(t, err, "%s for %s", p.Name, consumer)
			assertOnce(t, vars)
		}
		base, _ := url.Parse("http://127.0.0.1:1")
		assertOnce(t, p.ProxyEnv(config.Values{}, base, secret.New("key")))
		_, err := p.SDKEnv(config.Values{}, c, "nobody")
		assert.ErrorIs(t, err, exchange.Usage)
	}
}

func assertOnce(t *testing.T, vars []output.Var) {
	t.Helper()
	seen := map[string]bool{}
	for _, v := range vars {
		assert.False(t, seen[v.Name], "%s occurs twice", v.Name)
		seen[v.Name] = true
	}
}

func TestTargetHost(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, value, host string
		wrong, warned     bool
	}{
		{"a host", "api.example.com", "api.example.com", false, false},
		{"a host and port", "api.example.com:8443", "api.example.com:8443", false, false},
		{"scheme and path are dropped", "http://api.example.com:1/v1", "api.example.com:1", false, true},
		{"another scheme is dropped", "http://api.example.com", "api.example.com", false, true},
		{"a path is dropped", "https://api.example.com/v1", "api.example.com", false, true},
		{"https alone loses nothing", "https://api.example.com/", "api.example.com", false, false},
		{"blank is nothing", "  ", "", false, false},
		{"blanks around it", " api.example.com ", "api.example.com", false, false},
		{"a user name", "me@evil.test", "", true, false},
		{"a line break", "a\r\nb", "", true, false},
		{"only a scheme", "https://", "", true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			host, err := provider.TargetHost(row.value)
			assert.Equal(t, row.wrong, err != nil)
			assert.Equal(t, row.host, host)
			assert.Equal(t, row.warned, provider.TargetWarning("X_API_TARGET", row.value) != "")
		})
	}
}

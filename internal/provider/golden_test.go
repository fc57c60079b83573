package provider_test

import (
	"bytes"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run with -update to write it")
	assert.Equal(t, string(want), string(got), name)
}

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// granted is what a provider's exchange, or its static key, yields in the tests.
func granted(p provider.Provider, kind exchange.Kind) exchange.Credential {
	c := exchange.Credential{Provider: p.Name, Kind: kind, Token: secret.New("sandbox-token"), IssuedAt: at, ExpiresAt: at.Add(time.Hour), RequestID: "req_sandbox"}
	switch kind {
	case exchange.AWS:
		c.Token = secret.Value{}
		c.AWS = &exchange.AWSKeys{AccessKeyID: secret.New("ASIASANDBOX"), SecretAccessKey: secret.New("sandbox/secret"), SessionToken: secret.New("sandbox//session==")}
	case exchange.APIKey:
		c.Token, c.IssuedAt, c.ExpiresAt, c.RequestID = secret.New("sandbox-key"), time.Time{}, time.Time{}, ""
	}
	return c
}

// Every printed form of every provider, its static key included.
func TestGoldenFormats(t *testing.T) {
	t.Parallel()
	for _, p := range provider.All {
		v := values(settingsOf[p.Name]...)
		for _, kind := range []exchange.Kind{p.Kind, exchange.APIKey} {
			for _, f := range output.Formats {
				if !f.Fits(p.Name, kind) {
					continue
				}
				got, err := f.Print(output.Grant{
					Profile: "review", Credential: granted(p, kind), Cached: true, Now: at.Add(time.Minute), Header: p.Header,
					APIKey: func(c exchange.Credential) (secret.Value, error) { return p.ShortKey(v, c, at.Add(time.Minute)) },
				})
				require.NoError(t, err, "%s %s", p.Name, f.Name)
				golden(t, p.Name+"/"+string(kind)+"."+f.Name, got)
			}
		}
	}
}

// Every consumer of every provider, and the variables that lead to a proxy.
func TestGoldenVariables(t *testing.T) {
	t.Parallel()
	d, ok := output.LookupDialect("posix")
	require.True(t, ok)
	base, err := url.Parse("http://127.0.0.1:4444")
	require.NoError(t, err)
	for _, p := range provider.All {
		v := values(settingsOf[p.Name]...)
		for _, consumer := range p.Consumers {
			vars, err := p.SDKEnv(v, granted(p, p.Kind), consumer)
			require.NoError(t, err)
			got, err := d.Render(vars, func(string) bool { return true }, bytes.NewReader(nil))
			require.NoError(t, err)
			golden(t, p.Name+"/env."+consumer, got)
		}
		got, err := d.Render(p.ProxyEnv(v, base, secret.New("phantom")), func(string) bool { return true }, bytes.NewReader(nil))
		require.NoError(t, err)
		golden(t, p.Name+"/env.proxy", got)
	}
}

// A provider is whole when its stand-in, its wire and its page are there.
func TestEveryProviderHasItsFiles(t *testing.T) {
	t.Parallel()
	for _, p := range provider.All {
		for _, path := range []string{
			"../../pkg/exchange/" + p.Name + ".go", "../sandbox/" + p.Name + ".go", "../../docs/providers/" + p.Name + ".md", "testdata/golden/" + p.Name,
		} {
			_, err := os.Stat(path)
			assert.NoError(t, err, "%s lacks %s", p.Name, path)
		}
	}
}

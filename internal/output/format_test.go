package output_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

var (
	issued  = time.Date(2026, 1, 2, 3, 4, 5, 600e6, time.FixedZone("", 3600))
	expires = issued.Add(10 * time.Minute)
)

func grant(kind exchange.Kind) output.Grant {
	c := exchange.Credential{
		Provider: "anthropic", Kind: kind, Token: secret.New("sk-ant-oat01-sandbox"),
		IssuedAt: issued, ExpiresAt: expires, Scope: "workspace:developer", RequestID: "req_sandbox",
	}
	switch kind {
	case exchange.APIKey:
		c.Token, c.IssuedAt, c.ExpiresAt = secret.New(`sk-"key"&<é>`), time.Time{}, time.Time{}
		c.Scope, c.RequestID = "", ""
	case exchange.AWS:
		c.Provider, c.Token = "aws", secret.Value{}
		c.AWS = &exchange.AWSKeys{
			AccessKeyID: secret.New("ASIASANDBOX"), SecretAccessKey: secret.New("sandbox/secret+key"), SessionToken: secret.New("sandbox//session=="),
		}
	}
	return output.Grant{
		Profile: "review", Credential: c, Cached: kind == exchange.Bearer, Now: issued.Add(90 * time.Second),
		Header: func(c exchange.Credential) string { return "Authorization: Bearer " + c.Token.Reveal() },
		APIKey: func(exchange.Credential) (secret.Value, error) {
			return secret.New("bedrock-api-key-c2FuZGJveA=="), nil
		},
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for _, f := range output.Formats {
		for _, kind := range f.Kinds {
			t.Run(f.Name+" of "+string(kind), func(t *testing.T) {
				t.Parallel()
				g := grant(kind)
				if f.Provider != "" {
					g.Credential.Provider = f.Provider
				}
				got, err := f.Print(g)
				require.NoError(t, err)
				golden(t, got)
			})
		}
	}
}

func TestAFormatThatDoesNotFitNamesThoseThatDo(t *testing.T) {
	t.Parallel()
	f, ok := output.LookupFormat("token")
	require.True(t, ok)
	got, err := f.Print(grant(exchange.AWS))
	assert.Nil(t, got)
	var e *exchange.Error
	require.ErrorAs(t, err, &e)
	assert.ErrorIs(t, err, exchange.Usage)
	assert.Contains(t, e.Hint, "--format json")
	assert.NotContains(t, e.Hint, "header")
}

func TestAFormatOfOneProviderDoesNotFitAnother(t *testing.T) {
	t.Parallel()
	f, ok := output.LookupFormat("bedrock-api-key")
	require.True(t, ok)
	require.ErrorIs(t, f.Check("anthropic", exchange.APIKey), exchange.Usage)
	require.NoError(t, f.Check("aws", exchange.APIKey))
	require.NoError(t, f.Check("aws", exchange.AWS))
	assert.NotContains(t, output.FormatNames("anthropic", exchange.APIKey), "bedrock-api-key")
}

func TestGCPExecutable(t *testing.T) {
	t.Parallel()
	t.Run("success", func(t *testing.T) {
		t.Parallel()
		got, err := output.GCPExecutable(output.TokenTypeJWT, secret.New("eySandbox"), expires)
		require.NoError(t, err)
		golden(t, got)
	})
	t.Run("failure without an answer", func(t *testing.T) {
		t.Parallel()
		got, err := output.GCPExecutableFailure(output.Failure{Class: "identity", Message: "github mint: variables are missing", Hint: "add permissions"})
		require.NoError(t, err)
		golden(t, got)
	})
	t.Run("failure with a status", func(t *testing.T) {
		t.Parallel()
		got, err := output.GCPExecutableFailure(output.Failure{Class: "identity", Message: "github mint: HTTP 401", Status: 401})
		require.NoError(t, err)
		golden(t, got)
	})
}

func TestEveryKindHasAFormat(t *testing.T) {
	t.Parallel()
	for _, kind := range []exchange.Kind{exchange.Bearer, exchange.APIKey, exchange.AWS} {
		assert.Contains(t, output.FormatNames("aws", kind), "json")
	}
	assert.Len(t, output.FormatNames("", ""), len(output.Formats))
	_, ok := output.LookupFormat("yaml")
	assert.False(t, ok)
}

func TestExpiresInNeverRoundsUp(t *testing.T) {
	t.Parallel()
	f, _ := output.LookupFormat("json")
	for _, row := range []struct {
		name string
		left time.Duration
		want float64
	}{
		{"a whole second stays", time.Second, 1},
		{"a fraction is cut", 1999 * time.Millisecond, 1},
		{"less than a second is none", 999 * time.Millisecond, 0},
		{"an expired one has none left", -time.Hour, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := grant(exchange.Bearer)
			g.Now = g.Credential.ExpiresAt.Add(-row.left)
			got, err := f.Print(g)
			require.NoError(t, err)
			var shape map[string]any
			require.NoError(t, json.Unmarshal(got, &shape))
			assert.InDelta(t, row.want, shape["expires_in"], 0)
		})
	}
}

func TestExecCredentialAnswersInTheVersionItWasAsked(t *testing.T) {
	t.Parallel()
	f, _ := output.LookupFormat("exec-credential")
	for _, row := range []struct{ name, info, want string }{
		{"without kubectl it is v1", "", "client.authentication.k8s.io/v1"},
		{"blank counts as absent", " \n", "client.authentication.k8s.io/v1"},
		{"v1", `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":false}}`, "client.authentication.k8s.io/v1"},
		{"v1beta1", `{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","spec":{"cluster":{"server":"https://k"}}}`, "client.authentication.k8s.io/v1beta1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := grant(exchange.Bearer)
			g.ExecInfo = row.info
			got, err := f.Print(g)
			require.NoError(t, err)
			var shape struct {
				APIVersion, Kind string
				Status           struct{ Token, ExpirationTimestamp string }
			}
			require.NoError(t, json.Unmarshal(got, &shape))
			assert.Equal(t, row.want, shape.APIVersion)
			assert.Equal(t, "ExecCredential", shape.Kind)
			assert.Equal(t, "sk-ant-oat01-sandbox", shape.Status.Token)
			when, err := time.Parse(time.RFC3339, shape.Status.ExpirationTimestamp)
			require.NoError(t, err)
			assert.False(t, when.After(expires), "never later than the true expiry")
		})
	}
}

func TestExecInfoThatIsNotUnderstoodIsRefused(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, info string }{
		{"v1alpha1 is gone", `{"apiVersion":"client.authentication.k8s.io/v1alpha1","kind":"ExecCredential"}`},
		{"another kind", `{"apiVersion":"client.authentication.k8s.io/v1","kind":"Pod"}`},
		{"not JSON", `yes`},
		{"an array", `[]`},
		{"null", `null`},
		{"control characters in the version", `{"apiVersion":"\u001b[31mv1","kind":"ExecCredential"}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			err := output.CheckExecInfo(row.info)
			require.ErrorIs(t, err, exchange.Usage)
			assert.NotContains(t, err.Error(), "\x1b")
		})
	}
	require.NoError(t, output.CheckExecInfo(""))
}

func TestAHeaderWithALineBreakIsRefused(t *testing.T) {
	t.Parallel()
	f, _ := output.LookupFormat("header")
	g := grant(exchange.APIKey)
	g.Credential.Token = secret.New("key\r\nX-Other: 1")
	got, err := f.Print(g)
	require.ErrorIs(t, err, exchange.Usage)
	assert.Nil(t, got)
	assert.NotContains(t, err.Error(), "X-Other")
}

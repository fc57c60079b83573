package exchange_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/safehttp"
	"github.com/awf-cred/awf-cred/internal/sandbox"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/ghoidc"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// live builds an exchanger for the sandbox's stand-in from the variables that it
// gives to its users.
type live struct {
	name  string
	env   func(*sandbox.Sandbox) []string
	build func(get func(string) string, d exchange.Doer) (tokensource.Exchanger, error)
}

var standIns = []live{
	{"aws", (*sandbox.Sandbox).AWSEnv, func(get func(string) string, d exchange.Doer) (tokensource.Exchanger, error) {
		return exchange.NewAWS(exchange.AWSParams{RoleARN: get("AWS_ROLE_ARN"), Region: get("AWS_REGION"), TokenURL: get("AWS_TOKEN_URL"), Audience: get("OIDC_AUDIENCE")}, d)
	}},
	{"gcp", (*sandbox.Sandbox).GCPEnv, func(get func(string) string, d exchange.Doer) (tokensource.Exchanger, error) {
		return exchange.NewGCP(exchange.GCPParams{WorkloadIdentityProvider: get("GCP_WORKLOAD_IDENTITY_PROVIDER"), TokenURL: get("GCP_TOKEN_URL")}, d)
	}},
	{"gcp", (*sandbox.Sandbox).GCPEnv, func(get func(string) string, d exchange.Doer) (tokensource.Exchanger, error) {
		return exchange.NewGCP(exchange.GCPParams{WorkloadIdentityProvider: "//iam.googleapis.com/" + get("GCP_WORKLOAD_IDENTITY_PROVIDER"),
			ServiceAccount: get("GCP_SERVICE_ACCOUNT"), TokenURL: get("GCP_TOKEN_URL"), IAMURL: get("GCP_IAM_URL")}, d)
	}},
	{"azure", (*sandbox.Sandbox).AzureEnv, func(get func(string) string, d exchange.Doer) (tokensource.Exchanger, error) {
		return exchange.NewAzure(exchange.AzureParams{TenantID: get("AZURE_TENANT_ID"), ClientID: get("AZURE_CLIENT_ID"), TokenURL: get("AZURE_TOKEN_URL")}, d)
	}},
	{"openai", (*sandbox.Sandbox).OpenAIEnv, func(get func(string) string, d exchange.Doer) (tokensource.Exchanger, error) {
		return exchange.NewOpenAI(exchange.OpenAIParams{IdentityProviderID: get("OPENAI_IDENTITY_PROVIDER_ID"), ServiceAccountID: get("OPENAI_SERVICE_ACCOUNT_ID"),
			TokenURL: get("OPENAI_TOKEN_URL"), Audience: get("OIDC_AUDIENCE")}, d)
	}},
}

func requestToken(box *sandbox.Sandbox) secret.Value { return secret.New(box.Job().RequestToken) }

// The stand-ins share no code with us and are as strict as the vendors.
func TestAgainstTheSandbox(t *testing.T) {
	t.Parallel()
	box := sandbox.Start(t, sandbox.WithTLS())
	client, err := safehttp.New(safehttp.Options{CAFile: box.CAFile()})
	require.NoError(t, err)
	github, err := ghoidc.New(ghoidc.Options{RequestURL: box.Job().RequestURL(), RequestToken: requestToken(box), Doer: client, Now: time.Now})
	require.NoError(t, err)
	for _, s := range standIns {
		t.Run(s.name, func(t *testing.T) {
			get := func(name string) string {
				for _, line := range s.env(box) {
					if v, ok := strings.CutPrefix(line, "AWF_AUTH_"+name+"="); ok {
						return v
					}
				}
				return ""
			}
			x, err := s.build(get, client)
			require.NoError(t, err)
			tok, err := github.Mint(t.Context(), x.Audience())
			require.NoError(t, err)
			before := time.Now()
			c, err := x.Exchange(t.Context(), tok.Assertion())
			require.NoError(t, err)
			assert.Equal(t, s.name, c.Provider)
			assert.False(t, c.ExpiresAt.Before(before.Add(30*time.Second)))
			if s.name == "aws" {
				assert.Equal(t, exchange.AWS, c.Kind)
				assert.NotEmpty(t, c.AWS.SessionToken.Reveal())
			} else {
				assert.NotEmpty(t, c.Token.Reveal())
			}

			other, err := github.Mint(t.Context(), "https://somebody.else")
			require.NoError(t, err)
			_, err = x.Exchange(t.Context(), other.Assertion())
			e := failure(t, err)
			assert.ErrorIs(t, err, exchange.Refused)
			assert.NotEmpty(t, e.Code)
			assert.Contains(t, e.Hint, "https://somebody.else", "what was presented is named")
		})
	}
}

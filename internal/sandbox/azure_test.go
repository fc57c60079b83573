package sandbox_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

func entra(t *testing.T, sb *sandbox.Sandbox, token string, change map[string]string) answer {
	t.Helper()
	a := sb.App()
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {a.ClientID}, "scope": {a.Scopes[0]},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {token},
	}
	target := sb.AzureTokenURL()
	for name, value := range change {
		switch {
		case name == "tenant":
			target = strings.Replace(target, a.TenantID, value, 1)
		case value == "":
			form.Del(name)
		default:
			form.Set(name, value)
		}
	}
	return do(t, sb, "POST", target, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, form.Encode())
}

const azureAudience = "api://AzureADTokenExchange"

func TestEntraGrantsAndRefuses(t *testing.T) {
	t.Parallel()
	type claims = map[string]any
	now := time.Now().Unix()
	sb := sandbox.Start(t)
	a := entra(t, sb, sb.MintToken(sandbox.Token{Audience: azureAudience}), map[string]string{"client_info": "1"})
	require.Equal(t, 200, a.StatusCode, string(a.body))
	assert.EqualValues(t, 3599, a.json(t)["expires_in"])
	assert.Equal(t, "Bearer", a.json(t)["token_type"])

	for _, tt := range []struct {
		name   string
		token  sandbox.Token
		change map[string]string
		status int
		code   int
	}{
		{"another audience", sandbox.Token{Audience: "api://AzureADTokenExchangeUSGov"}, nil, 401, 7002121},
		{"another subject", sandbox.Token{Claims: claims{"sub": "repo:octo-org/octo-repo:ref:refs/heads/dev"}}, nil, 401, 700213},
		{"another case in the subject", sandbox.Token{Claims: claims{"sub": "repo:Octo-org/octo-repo:ref:refs/heads/main"}}, nil, 401, 700213},
		{"another issuer", sandbox.Token{Claims: claims{"iss": "https://x"}}, nil, 401, 700211},
		{"an expired token", sandbox.Token{Claims: claims{"exp": now - 1}}, nil, 401, 700024},
		{"a wrong signature", sandbox.Token{WrongKey: true}, nil, 401, 700027},
		{"alg none", sandbox.Token{Alg: "none"}, nil, 401, 700027},
		{"no kid", sandbox.Token{Header: claims{"kid": nil}}, nil, 401, 700027},
		{"not a JWT", sandbox.Token{}, map[string]string{"client_assertion": "x"}, 401, 50027},
		{"another tenant", sandbox.Token{}, map[string]string{"tenant": "00000000-0000-0000-0000-000000000000"}, 400, 90002},
		{"the common tenant", sandbox.Token{}, map[string]string{"tenant": "common"}, 400, 90002},
		{"another client", sandbox.Token{}, map[string]string{"client_id": "00000000-0000-0000-0000-000000000000"}, 400, 700016},
		{"another grant", sandbox.Token{}, map[string]string{"grant_type": "password"}, 400, 70003},
		{"another assertion type", sandbox.Token{}, map[string]string{"client_assertion_type": "jwt"}, 400, 900144},
		{"no scope", sandbox.Token{}, map[string]string{"scope": ""}, 400, 900144},
		{"a scope without the suffix", sandbox.Token{}, map[string]string{"scope": "https://cognitiveservices.azure.com"}, 400, 1002012},
		{"two scopes", sandbox.Token{}, map[string]string{"scope": "a/.default b/.default"}, 400, 28000},
		{"a foreign resource", sandbox.Token{}, map[string]string{"scope": "https://x/.default"}, 400, 500011},
		{"a secret beside it", sandbox.Token{}, map[string]string{"client_secret": "s"}, 401, 7000215},
	} {
		if tt.token.Audience == "" {
			tt.token.Audience = azureAudience
		}
		a := entra(t, sb, sb.MintToken(tt.token), tt.change)
		assert.Equal(t, tt.status, a.StatusCode, tt.name)
		assert.Equal(t, []any{float64(tt.code)}, a.json(t)["error_codes"], tt.name)
		assert.True(t, strings.HasPrefix(a.json(t)["error_description"].(string), "AADSTS"+strconv.Itoa(tt.code)+": "), tt.name)
		assert.NotEmpty(t, a.json(t)["error"], tt.name)
	}
	assert.Equal(t, 400, do(t, sb, "GET", sb.AzureTokenURL(), nil, "").StatusCode)
	assert.Equal(t, 1, sb.Counts().Accepted)
	app := sb.App()
	app.NoCredential = true
	sb.SetApp(app)
	assert.Equal(t, []any{float64(70025)}, entra(t, sb, sb.MintToken(sandbox.Token{Audience: azureAudience}), nil).json(t)["error_codes"])
}

func TestEntraHasItsDiscoveryDocuments(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.WithTLS())
	c := do(t, sb, "GET", sb.URL(sandbox.HostAzure)+"/"+sb.App().TenantID+"/v2.0/.well-known/openid-configuration", nil, "").json(t)
	assert.Equal(t, sb.AzureTokenURL(), c["token_endpoint"])
	assert.NotEmpty(t, do(t, sb, "GET", c["jwks_uri"].(string), nil, "").json(t)["keys"])
	i := do(t, sb, "GET", sb.URL(sandbox.HostAzure)+"/common/discovery/instance?api-version=1.1", nil, "").json(t)
	assert.Contains(t, i["tenant_discovery_endpoint"], sb.App().TenantID)
}

func TestEntraFaultsAreAADSTS(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.WithFault(sandbox.AzureToken, sandbox.Refusal(401, "700024"), sandbox.Status(503)))
	token := sb.MintToken(sandbox.Token{Audience: azureAudience})
	assert.Equal(t, []any{float64(700024)}, entra(t, sb, token, nil).json(t)["error_codes"])
	assert.Equal(t, []any{float64(90033)}, entra(t, sb, token, nil).json(t)["error_codes"])
}

func TestAnAzureResourceTakesBearerOrKey(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.APIKey = "key" }))
	bearer := "Bearer " + entra(t, sb, sb.MintToken(sandbox.Token{Audience: azureAudience}), nil).json(t)["access_token"].(string)
	chat := `{"messages":[{"role":"user","content":"hi"}]}`
	deployment := "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"
	call := func(path, body string, header map[string]string) answer {
		all := map[string]string{"Content-Type": "application/json", "Anthropic-Version": "2023-06-01"}
		for n, v := range header {
			all[n] = v
		}
		return do(t, sb, "POST", sb.URL(sandbox.HostFoundry)+path, all, body)
	}
	with := map[string]string{"Authorization": bearer}
	for _, header := range []map[string]string{with, {"Api-Key": "key"}} {
		assert.Equal(t, 200, call(deployment, chat, header).StatusCode)
		assert.Equal(t, 200, call("/openai/v1/responses", `{"model":"m","input":"hi"}`, header).StatusCode)
		assert.Equal(t, 200, call("/anthropic/v1/messages", message, header).StatusCode)
	}
	assert.Equal(t, 200, call("/anthropic/v1/messages", message, map[string]string{"X-Api-Key": "key"}).StatusCode)
	assert.Contains(t, string(call("/openai/v1/chat/completions", strings.Replace(chat, "{", `{"stream":true,`, 1), with).body), "data: [DONE]\n\n")
	for name, header := range map[string]map[string]string{
		"none":               {},
		"both":               {"Authorization": bearer, "Api-Key": "key"},
		"a wrong key":        {"Api-Key": "other"},
		"a key by x-api-key": {"X-Api-Key": "key"},
		"an unknown bearer":  {"Authorization": "Bearer x"},
	} {
		a := call(deployment, chat, header)
		assert.Equal(t, 401, a.StatusCode, name)
		assert.Equal(t, "401", a.json(t)["error"].(map[string]any)["code"], name)
	}
	assert.Equal(t, 404, call("/openai/deployments/gpt/chat/completions", chat, with).StatusCode, "without an api-version")
	assert.Equal(t, 404, call("/openai/x", chat, with).StatusCode)
}

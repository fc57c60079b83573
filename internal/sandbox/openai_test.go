package sandbox_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

func openAI(t *testing.T, sb *sandbox.Sandbox, token string, change map[string]any) answer {
	t.Helper()
	m := sb.Mapping()
	fields := map[string]any{
		"grant_type":           "urn:ietf:params:oauth:grant-type:token-exchange",
		"subject_token_type":   "urn:ietf:params:oauth:token-type:jwt",
		"subject_token":        token,
		"identity_provider_id": m.IdentityProviderID, "service_account_id": m.ServiceAccountID,
	}
	for name, value := range change {
		fields[name] = value
	}
	b, err := json.Marshal(fields)
	require.NoError(t, err)
	return do(t, sb, "POST", sb.URL(sandbox.HostOpenAIAuth)+"/oauth/token", map[string]string{"Content-Type": "application/json"}, string(b))
}

const openAIAudience = "https://api.openai.com/v1"

func TestOpenAIGrantsAndRefuses(t *testing.T) {
	t.Parallel()
	type claims = map[string]any
	now := time.Now().Unix()
	sb := sandbox.Start(t)
	a := openAI(t, sb, sb.MintToken(sandbox.Token{Audience: openAIAudience}), nil)
	require.Equal(t, 200, a.StatusCode, string(a.body))
	assert.InDelta(t, 300, a.json(t)["expires_in"], 3)
	assert.NotContains(t, a.json(t), "scope")
	for _, tt := range []struct {
		name   string
		token  sandbox.Token
		change map[string]any
		status int
		code   string
	}{
		{"another audience", sandbox.Token{Audience: "x"}, nil, 400, "invalid_grant"},
		{"an expired token", sandbox.Token{Claims: claims{"exp": now - 31}}, nil, 400, "invalid_grant"},
		{"a wrong signature", sandbox.Token{WrongKey: true}, nil, 400, "invalid_subject_token"},
		{"alg none", sandbox.Token{Alg: "none"}, nil, 400, "invalid_subject_token"},
		{"no kid", sandbox.Token{Header: claims{"kid": nil}}, nil, 400, "invalid_subject_token"},
		{"no iat", sandbox.Token{Claims: claims{"iat": nil}}, nil, 400, "invalid_subject_token"},
		{"another issuer", sandbox.Token{Claims: claims{"iss": "https://x"}}, nil, 400, "invalid_subject_token"},
		{"another subject", sandbox.Token{Claims: claims{"sub": "repo:x/y:ref:z"}}, nil, 403, "unauthorized_client"},
		{"another provider", sandbox.Token{}, claims{"identity_provider_id": "idp_x"}, 401, "invalid_client"},
		{"another account", sandbox.Token{}, claims{"service_account_id": "x"}, 403, "unauthorized_client"},
		{"another grant", sandbox.Token{}, claims{"grant_type": "x"}, 400, "unsupported_grant_type"},
		{"another token type", sandbox.Token{}, claims{"subject_token_type": "jwt"}, 400, "invalid_request"},
		{"no token", sandbox.Token{}, claims{"subject_token": ""}, 400, "invalid_request"},
		{"a number", sandbox.Token{}, claims{"subject_token": 1}, 400, "invalid_request"},
	} {
		if tt.token.Audience == "" {
			tt.token.Audience = openAIAudience
		}
		a := openAI(t, sb, sb.MintToken(tt.token), tt.change)
		assert.Equal(t, tt.status, a.StatusCode, tt.name)
		assert.Equal(t, tt.code, a.json(t)["error"], tt.name)
		assert.NotEmpty(t, a.Header.Get("X-Request-Id"), tt.name)
	}
	m := sb.Mapping()
	m.SingleUse, m.Scope = true, "api.model.request"
	sb.SetMapping(m)
	once := sb.MintToken(sandbox.Token{Audience: openAIAudience})
	assert.Equal(t, "api.model.request", openAI(t, sb, once, nil).json(t)["scope"])
	assert.Equal(t, 400, openAI(t, sb, once, nil).StatusCode)
}

func TestOpenAIsAPI(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.APIKey = "sk-static" }))
	token := openAI(t, sb, sb.MintToken(sandbox.Token{Audience: openAIAudience}), nil).json(t)["access_token"].(string)
	call := func(method, path, bearer, body string) answer {
		return do(t, sb, method, sb.URL(sandbox.HostOpenAI)+path, map[string]string{"Authorization": bearer, "Content-Type": "application/json"}, body)
	}
	chat, respond := `{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}`, `{"model":"gpt-5","input":"hi"}`
	for _, bearer := range []string{"Bearer " + token, "Bearer sk-static"} {
		assert.Equal(t, 200, call("POST", "/v1/chat/completions", bearer, chat).StatusCode)
		assert.Equal(t, 200, call("GET", "/v1/models", bearer, "").StatusCode)
		a := call("POST", "/v1/responses", bearer, respond)
		assert.Equal(t, "Hello, world", a.json(t)["output"].([]any)[0].(map[string]any)["content"].([]any)[0].(map[string]any)["text"])
	}
	stream := string(call("POST", "/v1/responses", "Bearer "+token, strings.Replace(respond, "{", `{"stream":true,`, 1)).body)
	assert.True(t, strings.HasPrefix(stream, "event: response.created\n"))
	assert.Equal(t, 3, strings.Count(stream, "event: response.output_text.delta\n"))
	assert.Contains(t, stream, "event: response.completed\n")
	a := call("POST", "/v1/chat/completions", "Bearer other", chat)
	assert.Equal(t, 401, a.StatusCode)
	assert.Equal(t, "invalid_api_key", a.json(t)["error"].(map[string]any)["code"])
	assert.Equal(t, 400, call("POST", "/v1/responses", "Bearer "+token, `{"model":"m"}`).StatusCode)
	sb.ClockOffset(301 * time.Second)
	assert.Equal(t, 401, call("GET", "/v1/models", "Bearer "+token, "").StatusCode, "never beyond the assertion's end")
}

func TestEveryVendorBreaksInItsOwnShape(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	for _, e := range sb.Endpoints() {
		sb.AddFault(e, sandbox.Status(503))
	}
	for endpoint, url := range map[sandbox.Endpoint]string{
		sandbox.GCPToken:    sb.URL(sandbox.HostGCP) + "/v1/token",
		sandbox.AWSToken:    sb.URL(sandbox.HostSTS) + "/",
		sandbox.AzureToken:  sb.AzureTokenURL(),
		sandbox.OpenAIToken: sb.URL(sandbox.HostOpenAIAuth) + "/oauth/token",
		sandbox.OpenAIChat:  sb.URL(sandbox.HostOpenAI) + "/v1/chat/completions",
		sandbox.FoundryChat: sb.URL(sandbox.HostFoundry) + "/openai/v1/chat/completions",
	} {
		a := do(t, sb, "POST", url, nil, "{}")
		assert.Equal(t, 503, a.StatusCode, endpoint)
		assert.Contains(t, strings.ToLower(string(a.body)), `error`, endpoint)
		assert.Len(t, sb.Requests(endpoint), 1, endpoint)
	}
}

package sandbox_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

const scope = "https://www.googleapis.com/auth/cloud-platform"

func gcpForm(sb *sandbox.Sandbox, token string, change map[string]string) url.Values {
	form := url.Values{
		"grant_type":           {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"audience":             {"//iam.googleapis.com/" + sb.Pool().Provider},
		"scope":                {scope},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"subject_token_type":   {"urn:ietf:params:oauth:token-type:jwt"},
		"subject_token":        {token},
	}
	for name, value := range change {
		form.Set(name, value)
		if value == "" {
			form.Del(name)
		}
	}
	return form
}

func federate(t *testing.T, sb *sandbox.Sandbox, token string, change map[string]string) answer {
	t.Helper()
	return do(t, sb, "POST", sb.URL(sandbox.HostGCP)+"/v1/token", map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		gcpForm(sb, token, change).Encode())
}

func gcpToken(sb *sandbox.Sandbox, token sandbox.Token) string {
	if token.Audience == "" {
		token.Audience = sb.Pool().Audiences[0]
	}
	return sb.MintToken(token)
}

func TestGoogleFederatesAndImpersonates(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	a := federate(t, sb, gcpToken(sb, sandbox.Token{}), nil)
	require.Equal(t, 200, a.StatusCode, string(a.body))
	assert.Equal(t, "urn:ietf:params:oauth:token-type:access_token", a.json(t)["issued_token_type"])
	assert.InDelta(t, 299, a.json(t)["expires_in"], 3)
	federated := a.json(t)["access_token"].(string)
	assert.Regexp(t, `^ya29\.`, federated)

	impersonate := func(bearer, body string) answer {
		return do(t, sb, "POST", sb.URL(sandbox.HostIAM)+"/v1/projects/-/serviceAccounts/"+sb.Pool().ServiceAccount+":generateAccessToken",
			map[string]string{"Authorization": "Bearer " + bearer, "Content-Type": "application/json"}, body)
	}
	b := impersonate(federated, `{"scope":["`+scope+`"],"lifetime":"1800s"}`)
	require.Equal(t, 200, b.StatusCode, string(b.body))
	assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, b.json(t)["expireTime"], "no fraction: gcloud refuses one")
	at, err := time.Parse(time.RFC3339, b.json(t)["expireTime"].(string))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(30*time.Minute), at, 5*time.Second)

	for name, tt := range map[string]struct {
		bearer, body string
		status       int
	}{
		"an unknown bearer":    {"ya29.x", `{"scope":["` + scope + `"]}`, 401},
		"no scope":             {federated, `{}`, 400},
		"beyond an hour":       {federated, `{"scope":["` + scope + `"],"lifetime":"3601s"}`, 400},
		"a lifetime without s": {federated, `{"scope":["` + scope + `"],"lifetime":"3600"}`, 400},
		"an unknown field":     {federated, `{"scope":["` + scope + `"],"scopes":[]}`, 400},
		"delegates of no use":  {federated, `{"scope":["` + scope + `"],"delegates":["projects/-/serviceAccounts/m"]}`, 403},
	} {
		a := impersonate(tt.bearer, tt.body)
		assert.Equal(t, tt.status, a.StatusCode, name)
		assert.EqualValues(t, tt.status, a.json(t)["error"].(map[string]any)["code"], name)
	}
	other := do(t, sb, "POST", sb.URL(sandbox.HostIAM)+"/v1/projects/-/serviceAccounts/other@x.iam.gserviceaccount.com:generateAccessToken",
		map[string]string{"Authorization": "Bearer " + federated, "Content-Type": "application/json"}, `{"scope":["`+scope+`"]}`)
	assert.Equal(t, 403, other.StatusCode, "another account")
	p := sb.Pool()
	p.Delegates, p.MaxLifetime = []string{"mid@p.iam.gserviceaccount.com"}, 12*time.Hour
	sb.SetPool(p)
	assert.Equal(t, 403, impersonate(federated, `{"scope":["`+scope+`"]}`).StatusCode, "the direct way is closed now")
	assert.Equal(t, 200, impersonate(federated, `{"scope":["`+scope+`"],"lifetime":"43200s","delegates":["projects/-/serviceAccounts/mid@p.iam.gserviceaccount.com"]}`).StatusCode)
}

func TestGoogleReadsFormAndJSON(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	for _, camel := range []bool{true, false} {
		object := map[string]string{}
		for name, values := range gcpForm(sb, gcpToken(sb, sandbox.Token{}), nil) {
			if camel {
				parts := strings.Split(name, "_")
				for i := range parts[1:] {
					parts[i+1] = strings.ToUpper(parts[i+1][:1]) + parts[i+1][1:]
				}
				name = strings.Join(parts, "")
			}
			object[name] = values[0]
		}
		b, err := json.Marshal(object)
		require.NoError(t, err)
		a := do(t, sb, "POST", sb.URL(sandbox.HostGCP)+"/v1/token", map[string]string{"Content-Type": "application/json"}, string(b))
		assert.Equal(t, 200, a.StatusCode, string(a.body))
	}
	bare := sb.MintToken(sandbox.Token{Audience: sb.Pool().Audiences[1]})
	assert.Equal(t, 200, federate(t, sb, bare, map[string]string{"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}).StatusCode)
}

func TestGoogleRefuses(t *testing.T) {
	t.Parallel()
	type claims = map[string]any
	now := time.Now().Unix()
	sb := sandbox.Start(t)
	for _, tt := range []struct {
		name   string
		token  sandbox.Token
		change map[string]string
		status int
		code   string
	}{
		{"the bare resource name as audience", sandbox.Token{Audience: sb.Pool().Provider}, nil, 400, "invalid_grant"},
		{"an expired token", sandbox.Token{Claims: claims{"exp": now - 1}}, nil, 400, "invalid_grant"},
		{"a stale token that has not expired", sandbox.Token{Claims: claims{"iat": now - 3700, "nbf": now - 3700}}, nil, 400, "invalid_grant"},
		{"a wrong signature", sandbox.Token{WrongKey: true}, nil, 400, "invalid_grant"},
		{"alg none", sandbox.Token{Alg: "none"}, nil, 400, "invalid_grant"},
		{"no kid", sandbox.Token{Header: claims{"kid": nil}}, nil, 400, "invalid_grant"},
		{"another issuer", sandbox.Token{Claims: claims{"iss": "https://x"}}, nil, 400, "invalid_grant"},
		{"the attribute condition", sandbox.Token{Claims: claims{"repository_owner": "evil"}}, nil, 401, "unauthorized_client"},
		{"another pool", sandbox.Token{}, map[string]string{"audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x"}, 400, "invalid_target"},
		{"the https form as parameter", sandbox.Token{}, map[string]string{"audience": "https://iam.googleapis.com/" + sb.Pool().Provider}, 400, "invalid_target"},
		{"no scope", sandbox.Token{}, map[string]string{"scope": ""}, 400, "invalid_request"},
		{"a scope that does not exist", sandbox.Token{}, map[string]string{"scope": "openid"}, 400, "invalid_scope"},
		{"another grant", sandbox.Token{}, map[string]string{"grant_type": "client_credentials"}, 400, "unsupported_grant_type"},
		{"no requested type", sandbox.Token{}, map[string]string{"requested_token_type": ""}, 400, "invalid_request"},
		{"another subject type", sandbox.Token{}, map[string]string{"subject_token_type": "jwt"}, 400, "invalid_request"},
		{"no subject token", sandbox.Token{}, map[string]string{"subject_token": ""}, 400, "invalid_request"},
		{"options that are not JSON", sandbox.Token{}, map[string]string{"options": "x"}, 400, "invalid_request"},
	} {
		a := federate(t, sb, gcpToken(sb, tt.token), tt.change)
		assert.Equal(t, tt.status, a.StatusCode, tt.name)
		assert.Equal(t, tt.code, a.json(t)["error"], tt.name)
		assert.NotEmpty(t, a.json(t)["error_description"], tt.name)
	}
	bearer := map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Bearer x"}
	assert.Equal(t, 400, do(t, sb, "POST", sb.URL(sandbox.HostGCP)+"/v1/token", bearer, gcpForm(sb, gcpToken(sb, sandbox.Token{}), nil).Encode()).StatusCode)
	assert.Zero(t, sb.Counts().Accepted)
}

func TestVertexTakesABearerAlone(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.APIKey = "AIza-static" }))
	granted := federate(t, sb, gcpToken(sb, sandbox.Token{}), nil).json(t)["access_token"].(string)
	models := "/v1/projects/sandbox-project/locations/global/publishers/"
	anthropic := strings.NewReplacer("bedrock-2023-05-31", "vertex-2023-10-16").Replace(bedrockBody)
	call := func(path, body string, header map[string]string) answer {
		all := map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + granted}
		for n, v := range header {
			all[n] = v
			if v == "" {
				delete(all, n)
			}
		}
		return do(t, sb, "POST", sb.URL(sandbox.HostVertex)+path, all, body)
	}
	assert.Equal(t, 200, call(models+"anthropic/models/claude-x@20250101:rawPredict", anthropic, nil).StatusCode)
	streamed := call(models+"anthropic/models/claude-x:streamRawPredict", strings.Replace(anthropic, "{", `{"stream":true,`, 1), nil)
	assert.Contains(t, string(streamed.body), "event: message_stop\n")
	assert.EqualValues(t, 12, call(models+"anthropic/models/count-tokens:rawPredict", strings.Replace(anthropic, "{", `{"model":"m",`, 1), nil).json(t)["input_tokens"])
	google := `{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`
	assert.Equal(t, 200, call(models+"google/models/gemini:generateContent", google, nil).StatusCode)
	var array []any
	require.NoError(t, json.Unmarshal(call(models+"google/models/gemini:streamGenerateContent", google, nil).body, &array))
	assert.Len(t, array, 4)
	assert.Equal(t, 4, strings.Count(string(call(models+"google/models/gemini:streamGenerateContent?alt=sse", google, nil).body), "data: {"))
	assert.Equal(t, 200, call("/v1/projects/sandbox-project/locations/eu/endpoints/openapi/chat/completions", `{"model":"google/gemini","messages":[{}]}`, nil).StatusCode)
	assert.Equal(t, 200, call(models+"google/models/gemini:generateContent", google, map[string]string{"Authorization": "", "X-Goog-Api-Key": "AIza-static"}).StatusCode)

	path := models + "anthropic/models/claude-x:rawPredict"
	for name, tt := range map[string]struct {
		path, body string
		header     map[string]string
		status     int
	}{
		"no bearer":          {path, anthropic, map[string]string{"Authorization": ""}, 401},
		"a key beside it":    {path, anthropic, map[string]string{"X-Goog-Api-Key": "AIza-static"}, 401},
		"a key in the query": {path + "?key=AIza-static", anthropic, nil, 401},
		"another project":    {strings.Replace(path, "sandbox-project", "other", 1), anthropic, nil, 403},
		"a foreign quota":    {path, anthropic, map[string]string{"X-Goog-User-Project": "other"}, 403},
		"no version":         {path, `{"messages":[{}]}`, nil, 400},
		"a model in it":      {path, strings.Replace(anthropic, "{", `{"model":"m",`, 1), nil, 400},
		"an unknown path":    {"/v1/x", anthropic, nil, 404},
	} {
		assert.Equal(t, tt.status, call(tt.path, tt.body, tt.header).StatusCode, name)
	}
}

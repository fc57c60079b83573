package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

var credentialNames = []string{
	"Authorization", "Proxy-Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "X-Goog-User-Project",
	"X-Goog-Iam-Authorization-Token", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256", "X-Amz-Anything",
	"Ocp-Apim-Subscription-Key", "X-Auth-Token", "X-Access-Token", "Cookie", "X-Forwarded-Authorization", "X-Forwarded-For",
	"Forwarded", "Via", "X-Original-URL", "X-Custom-Auth",
}

func TestCredentialsOfTheClientAreStrippedInEverySpelling(t *testing.T) {
	t.Parallel()
	p := policy(t, func(o *proxy.Options) { o.Strip, o.Inject = []string{"X-Custom-Auth"}, proxy.Bearer("") })
	for _, name := range credentialNames {
		for _, spelled := range []string{name, strings.ToLower(name), strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"),
			strings.Replace(name, "-", "_", 1)} {
			h := head("POST", "/v1/messages", "X-First: 1", spelled+": canary", "X-Last: 2")
			_, reply := p.Request(t.Context(), h)
			require.Nil(t, reply)
			assert.Equal(t, []string{"X-First: 1", "X-Last: 2", "Authorization: Bearer " + token}, written(h), spelled)

			trailers := []relay.Field{{Name: []byte(spelled), Value: []byte("canary")}, {Name: []byte("X-Sum"), Value: []byte("1")}}
			p.RequestTrailer(trailers)
			assert.True(t, trailers[0].Drop, spelled)
			assert.False(t, trailers[1].Drop)
		}
	}
}

func TestHarmlessHeadersPass(t *testing.T) {
	t.Parallel()
	lines := []string{"x-amzn-trace-id: Root=1", "X-Stainless-Lang: js", "x_request_id: 1", "X-Amzn-Bedrock-Trace: ENABLED", "User-Agent: a",
		"X-Forward: 1", "Authorizations: x", "x-amz: y", "Sec-Fetch-Dest: empty"}
	h := head("POST", "/v1/messages", lines...)
	_, reply := policy(t, func(o *proxy.Options) { o.Inject = proxy.Bearer("") }).Request(t.Context(), h)
	require.Nil(t, reply)
	assert.Equal(t, append(lines, "Authorization: Bearer "+token), written(h))
}

func TestSecretParametersLeaveTheQuery(t *testing.T) {
	t.Parallel()
	tests := []struct{ target, want string }{
		{"/v1/m?key=x", "/v1/m"},
		{"/v1/m?KEY=x", "/v1/m"},
		{"/v1/m?k%65y=x", "/v1/m"},
		{"/v1/m?key", "/v1/m"},
		{"/v1/m?api_key=x&api-key=y&apikey=z&access_token=a&token=b&authorization=c&Signature=d&x-goog-api-key=e", "/v1/m"},
		{"/v1/m?X-Amz-Algorithm=a&X-Amz-Signature=b&x-amz-anything-at-all-that-is-longer-than-the-buffer=1&b=2", "/v1/m?b=2"},
		{"/v1/m?a=1&key=x", "/v1/m?a=1"},
		{"/v1/m?key=x&a=1", "/v1/m?a=1"},
		{"/v1/m?a=1&key=x&b=2&key=y&c=3", "/v1/m?a=1&b=2&c=3"},
		{"/v1/m?a=1;key=x;b=2&c=3", "/v1/m?a=1;b=2&c=3"},
		{"/v1/m?key=x;b=2", "/v1/m?b=2"},
		{"/v1/m?a=%2B+%41&&key=x&&b", "/v1/m?a=%2B+%41&&&b"},
		// What stays is not touched.
		{"/v1/m", "/v1/m"},
		{"/v1/m?", "/v1/m?"},
		{"/v1/m??key=1", "/v1/m??key=1"},
		{"/v1/m?q=key=1&monkey=2&k=3&keys=4", "/v1/m?q=key=1&monkey=2&k=3&keys=4"},
		{"/v1/key=1/token?a=1", "/v1/key=1/token?a=1"},
		{"/v1/m?k%2565y=x", "/v1/m?k%2565y=x"},
		{"/v1/m?x-amzn-id=1", "/v1/m?x-amzn-id=1"},
		{"/v1/m?%zz=1&%", "/v1/m?%zz=1&%"},
	}
	p := policy(t)
	for _, tt := range tests {
		h := head("GET", tt.target)
		_, reply := p.Request(t.Context(), h)
		require.Nil(t, reply)
		assert.Equal(t, tt.want, string(h.Target), tt.target)
	}
}

func TestTheBasePathIsNotAddedTwice(t *testing.T) {
	t.Parallel()
	tests := []struct{ base, target, want string }{
		{"/anthropic", "/v1/messages", "/anthropic/v1/messages"},
		{"/anthropic/", "/v1/messages", "/anthropic/v1/messages"},
		{"/anthropic", "/anthropic/v1/messages", "/anthropic/v1/messages"},
		{"/anthropic", "/anthropic?a=1", "/anthropic?a=1"},
		{"/anthropic", "/anthropics/v1", "/anthropic/anthropics/v1"},
		{"/anthropic", "/v1?next=/anthropic", "/anthropic/v1?next=/anthropic"},
		{"/anthropic", "/v1/m?key=x&a=1", "/anthropic/v1/m?a=1"},
		{"/anthropic", "/anthropic/v1/m?key=x", "/anthropic/v1/m"},
		{"/", "/v1", "/v1"},
		{"", "/v1", "/v1"},
	}
	for _, tt := range tests {
		h := head("GET", tt.target)
		_, reply := policy(t, func(o *proxy.Options) { o.BasePath = tt.base }).Request(t.Context(), h)
		require.Nil(t, reply)
		assert.Equal(t, tt.want, string(h.Target), "%s under %s", tt.target, tt.base)
	}
	for _, bad := range []string{"v1", "//v1", "/v1?x", "/v1/../x", "/v 1", "/v%31", "/ü"} {
		assert.Error(t, proxy.CheckBasePath(bad), bad)
	}
}

func TestAnthropicHeaders(t *testing.T) {
	t.Parallel()
	many := make([]string, 50)
	for i := range many {
		many[i] = fmt.Sprintf("b-%d", i)
	}
	tests := []struct {
		name  string
		lines []string
		want  []string
	}{
		{"defaults", nil, []string{"anthropic-version: 2023-06-01", "anthropic-beta: oauth-2025-04-20"}},
		{"the client's version stays", []string{"Anthropic-Version: 2026-10-21"}, []string{"Anthropic-Version: 2026-10-21", "anthropic-beta: oauth-2025-04-20"}},
		{"betas are merged in order", []string{"anthropic-beta: b, a", "X: y", "Anthropic_Beta:c"},
			[]string{"X: y", "anthropic-version: 2023-06-01", "anthropic-beta: b,a,c,oauth-2025-04-20"}},
		{"ours stays where the client has it", []string{"anthropic-beta: b,oauth-2025-04-20,a,b"},
			[]string{"anthropic-version: 2023-06-01", "anthropic-beta: b,oauth-2025-04-20,a"}},
		{"empty items vanish", []string{"anthropic-beta: ,, ,\t,"}, []string{"anthropic-version: 2023-06-01", "anthropic-beta: oauth-2025-04-20"}},
		{"many", []string{"anthropic-beta: " + strings.Join(many, " , ")},
			[]string{"anthropic-version: 2023-06-01", "anthropic-beta: " + strings.Join(many, ",") + ",oauth-2025-04-20"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := head("POST", "/v1/messages", tt.lines...)
			_, reply := policy(t).Request(t.Context(), h)
			require.Nil(t, reply)
			assert.Equal(t, append(tt.want, "Authorization: Bearer "+token), written(h))
		})
	}
	t.Run("two versions are an error", func(t *testing.T) {
		t.Parallel()
		_, reply := policy(t).Request(t.Context(), head("POST", "/v1/messages", "anthropic-version: a", "anthropic_version: a"))
		require.NotNil(t, reply)
		assert.Equal(t, 400, reply.Status)
		assert.True(t, reply.Close)
	})
}

func TestWhereACredentialGoes(t *testing.T) {
	t.Parallel()
	static := exchange.Credential{Kind: exchange.APIKey, Token: secret.New("static-key-value")}
	bearer := exchange.Credential{Kind: exchange.Bearer, Token: secret.New("bearer-token-value")}
	tests := []struct {
		name   string
		inject proxy.Injector
		c      exchange.Credential
		want   []string
	}{
		{"a static key of Anthropic", proxy.Anthropic(""), static, []string{"anthropic-version: 2023-06-01", "x-api-key: static-key-value"}},
		{"in the configured header", proxy.Anthropic("X-Custom"), static, []string{"anthropic-version: 2023-06-01", "X-Custom: static-key-value"}},
		{"a static key of Azure", proxy.Bearer("api-key"), static, []string{"api-key: static-key-value"}},
		{"a token of Azure", proxy.Bearer("api-key"), bearer, []string{"Authorization: Bearer bearer-token-value"}},
		{"a static key of OpenAI", proxy.Bearer(""), static, []string{"Authorization: Bearer static-key-value"}},
		{"a static key of Bedrock", proxy.SigV4(proxy.SigV4Options{}), static, []string{"Authorization: Bearer static-key-value"}},
	}
	for _, tt := range tests {
		h := head("POST", "/v1")
		require.NoError(t, tt.inject(h, tt.c), tt.name)
		assert.Equal(t, tt.want, written(h), tt.name)
	}
	for _, bad := range []string{"", "a\r\nX: y", "a\nb"} {
		assert.Error(t, proxy.Bearer("")(head("GET", "/"), exchange.Credential{Kind: exchange.Bearer, Token: secret.New(bad)}))
	}
}

func TestTheHeadOfAnAnswer(t *testing.T) {
	t.Parallel()
	p := policy(t)
	h := head("POST", "/v1/messages")
	_, reply := p.Request(t.Context(), h)
	require.Nil(t, reply)
	answer := func(lines ...string) *relay.ReplyHead {
		return &relay.ReplyHead{Status: 200, Fields: head("", "", lines...).Fields}
	}
	r := answer("Content-Type: text/event-stream", "Set-Cookie: a=b", "alt-svc: h3", "Strict-Transport-Security: x", "Clear-Site-Data: *",
		"Access-Control-Allow-Origin: *", "access_control_expose_headers: x", "Proxy-Authenticate: Basic",
		"X-Echo: Authorization=Bearer "+token+"; again "+token, "Location: http://evil.test/"+token[:20], "Server: x", "WWW-Authenticate: Bearer")
	assert.Equal(t, relay.Pass, p.Response(t.Context(), h, r))
	var got []string
	for _, f := range r.Fields {
		if !f.Drop {
			got = append(got, string(f.Name)+": "+string(f.Value))
		}
	}
	assert.Equal(t, []string{"Content-Type: text/event-stream", "X-Echo: Authorization=Bearer (redacted); again (redacted)",
		"Location: http://evil.test/" + token[:20], "Server: x", "WWW-Authenticate: Bearer"}, got)

	trailers := []relay.Field{{Name: []byte("X-Echo"), Value: []byte(token)}, {Name: []byte("Set-Cookie"), Value: []byte("a")}}
	p.ReplyTrailer(h, trailers)
	assert.Equal(t, "(redacted)", string(trailers[0].Value))
	assert.True(t, trailers[1].Drop)
}

package proxy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/proxy"
)

func TestRules(t *testing.T) {
	t.Parallel()
	inference := []string{"POST /v1/messages", "GET /v1/models/*"}
	tests := []struct {
		name   string
		rules  []string
		method string
		target string
		ok     bool
	}{
		{"no rules allow all", nil, "DELETE", "/anything", true},
		{"a rule", []string{"POST /v1/messages"}, "POST", "/v1/messages?beta=true", true},
		{"another method", []string{"POST /v1/messages"}, "GET", "/v1/messages", false},
		{"a longer path", []string{"POST /v1/messages"}, "POST", "/v1/messages/count_tokens", false},
		{"a shorter path", []string{"POST /v1/messages"}, "POST", "/v1", false},
		{"a trailing slash is another path", []string{"POST /v1/messages"}, "POST", "/v1/messages/", false},
		{"one segment", []string{"POST /model/*/invoke"}, "POST", "/model/arn%3Aaws%3A%2Fx/invoke", true},
		{"one segment is not two", []string{"POST /model/*/invoke"}, "POST", "/model/a/b/invoke", false},
		{"an empty segment is none", []string{"GET /v1/models/*"}, "GET", "/v1/models/", false},
		{"the rest", []string{"GET /v1/**"}, "GET", "/v1/a/b/c", true},
		{"the rest may be empty", []string{"GET /v1/**"}, "GET", "/v1/", true},
		{"the rest begins behind a slash", []string{"DELETE /v1/files/**"}, "DELETE", "/v1/files", false},
		{"the rest of another path", []string{"GET /v1/**"}, "GET", "/v10/a", false},
		{"everything", []string{"GET /**"}, "GET", "/", true},
		{"parameters of a segment count", []string{"POST /v1/messages"}, "POST", "/v1/messages;x=1", false},
		{"escapes are not decoded", []string{"POST /v1/messages"}, "POST", "/v1/%6dessages", false},
		{"case counts", []string{"POST /v1/messages"}, "POST", "/V1/messages", false},
		{"the word", []string{"inference"}, "GET", "/v1/models/claude", true},
		{"the word and a rule", []string{"GET /x", "inference"}, "POST", "/v1/messages", true},
		{"what the word leaves out", []string{"inference"}, "GET", "/v1/files", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rules, err := proxy.ParseRules(tt.rules, inference)
			require.NoError(t, err)
			p := policy(t, func(o *proxy.Options) { o.Allow = rules })
			_, reply := p.Request(t.Context(), head(tt.method, tt.target))
			if tt.ok {
				assert.Nil(t, reply)
				return
			}
			require.NotNil(t, reply)
			assert.Equal(t, 403, reply.Status)
			assert.Equal(t, "path_not_allowed", decode(t, reply).Error.Type)
		})
	}
}

func TestRulesSeeThePathWithoutKeyAndBase(t *testing.T) {
	t.Parallel()
	rules, err := proxy.ParseRules([]string{"POST /v1/messages"}, nil)
	require.NoError(t, err)
	p := policy(t, keyed(t), func(o *proxy.Options) { o.Allow, o.BasePath = rules, "/anthropic" })
	h := head("POST", "/"+clientKey+"/v1/messages")
	_, reply := p.Request(t.Context(), h)
	require.Nil(t, reply)
	assert.Equal(t, "/anthropic/v1/messages", string(h.Target))
}

func TestBadRulesAreAllNamed(t *testing.T) {
	t.Parallel()
	bad := []string{"POST", "/v1", "PURGE /v1", "get /v1", "GET v1", "GET /v1/a*", "GET /**/x", "GET /v1?x", "GET /v1 /v2", ""}
	_, err := proxy.ParseRules(bad, nil)
	require.Error(t, err)
	for _, text := range bad {
		assert.ErrorContains(t, err, `"`+text+`"`)
	}
	_, err = proxy.ParseRules([]string{"inference"}, nil)
	assert.Error(t, err, "a provider without inference paths")
}

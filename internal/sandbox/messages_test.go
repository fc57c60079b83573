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

const message = `{"model":"claude-sonnet-4-5","max_tokens":16,"messages":[{"role":"user","content":"hi"}]}`

func call(t *testing.T, sb *sandbox.Sandbox, header map[string]string) answer {
	t.Helper()
	all := map[string]string{"Content-Type": "application/json", "Anthropic-Version": "2023-06-01"}
	for n, v := range header {
		all[n] = v
	}
	return do(t, sb, "POST", sb.URL(sandbox.HostAnthropic)+"/v1/messages", all, message)
}

func TestTheMessagesAPITakesOnlyItsOwnTokens(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.APIKey = "sk-ant-api03-static" }))
	token := sb.GrantToken("anthropic", time.Minute)
	bearer := map[string]string{"Authorization": "Bearer " + token}
	a := call(t, sb, bearer)
	require.Equal(t, 200, a.StatusCode, string(a.body))
	assert.Equal(t, "Hello, world", a.json(t)["content"].([]any)[0].(map[string]any)["text"])
	assert.Equal(t, 200, call(t, sb, map[string]string{"X-Api-Key": "sk-ant-api03-static"}).StatusCode)

	for name, header := range map[string]map[string]string{
		"no credential":            {},
		"an unknown token":         {"Authorization": "Bearer sk-ant-oat01-unknown"},
		"another scheme":           {"Authorization": "Token " + token},
		"no scheme":                {"Authorization": token},
		"the token as x-api-key":   {"X-Api-Key": token},
		"a key beside the token":   {"Authorization": "Bearer " + token, "X-Api-Key": "sk-ant-api03-static"},
		"an empty key beside it":   {"Authorization": "Bearer " + token, "X-Api-Key": ""},
		"another vendor's token":   {"Authorization": "Bearer " + sb.GrantToken("openai", time.Minute)},
		"a key that is not static": {"X-Api-Key": "sk-ant-api03-other"},
	} {
		a := call(t, sb, header)
		assert.Equal(t, 401, a.StatusCode, name)
		assert.Equal(t, "authentication_error", a.json(t)["error"].(map[string]any)["type"], name)
	}

	sb.Revoke(token)
	assert.Equal(t, 401, call(t, sb, bearer).StatusCode, "revoked")
	short := map[string]string{"Authorization": "Bearer " + sb.GrantToken("anthropic", time.Minute)}
	sb.ClockOffset(59 * time.Second)
	assert.Equal(t, 200, call(t, sb, short).StatusCode, "a second before the end")
	sb.ClockOffset(61 * time.Second)
	assert.Equal(t, 401, call(t, sb, short).StatusCode, "expired")
	assert.Equal(t, []string{"token_revoked", "token_expired"}, sb.Reasons()[len(sb.Reasons())-2:])
}

func TestTheMessagesAPIInsistsOnItsForm(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	token := sb.GrantToken("anthropic", time.Minute)
	base := sb.URL(sandbox.HostAnthropic)
	header := map[string]string{"Authorization": "Bearer " + token, "Anthropic-Version": "2023-06-01", "Content-Type": "application/json"}
	assert.Equal(t, 405, do(t, sb, "GET", base+"/v1/messages", header, "").StatusCode)
	assert.Equal(t, 400, do(t, sb, "POST", base+"/v1/messages", header, "{}").StatusCode)
	assert.Equal(t, 400, do(t, sb, "POST", base+"/v1/messages", header, "hi").StatusCode)
	assert.Equal(t, 400, do(t, sb, "POST", base+"/v1/messages", map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}, message).StatusCode)
	assert.EqualValues(t, 12, do(t, sb, "POST", base+"/v1/messages/count_tokens", header, message).json(t)["input_tokens"])
	assert.Len(t, do(t, sb, "GET", base+"/v1/models?limit=1000", header, "").json(t)["data"], 2)
	assert.Equal(t, 401, do(t, sb, "GET", base+"/v1/models", nil, "").StatusCode)
	head := do(t, sb, "HEAD", base+"/", nil, "")
	assert.Equal(t, 404, head.StatusCode)
	assert.Empty(t, head.body)
	assert.Equal(t, 404, do(t, sb, "GET", base+"/v1/nothing", header, "").StatusCode)
}

func TestTheScopeOfAToken(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	r := sb.Rule()
	r.Scope = "org:manage_tunnels"
	sb.SetRule(r)
	a := exchange(t, sb, good(sb), nil)
	require.Equal(t, "org:manage_tunnels", a.json(t)["scope"])
	a = call(t, sb, map[string]string{"Authorization": "Bearer " + a.json(t)["access_token"].(string)})
	assert.Equal(t, 403, a.StatusCode)
	assert.Equal(t, "permission_error", a.json(t)["error"].(map[string]any)["type"])
}

func TestTheOAuthBetaCanBeRequired(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.RequireOAuthBeta = true }))
	header := map[string]string{"Authorization": "Bearer " + sb.GrantToken("anthropic", time.Minute)}
	assert.Equal(t, 401, call(t, sb, header).StatusCode)
	header["Anthropic-Beta"] = "a,oauth-2025-04-20"
	assert.Equal(t, 200, call(t, sb, header).StatusCode)
}

func TestAStreamHasTheEventsOfTheRealAPI(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	header := map[string]string{"Authorization": "Bearer " + sb.GrantToken("anthropic", time.Minute), "Content-Type": "application/json",
		"Anthropic-Version": "2023-06-01", "X-Sandbox-Events": "2", "X-Sandbox-Event-Bytes": "40", "X-Sandbox-Interval": "1ms"}
	a := do(t, sb, "POST", sb.URL(sandbox.HostAnthropic)+"/v1/messages?beta=true", header, strings.Replace(message, "{", `{"stream":true,`, 1))
	require.Equal(t, 200, a.StatusCode)
	assert.Equal(t, "text/event-stream; charset=utf-8", a.Header.Get("Content-Type"))
	assert.EqualValues(t, -1, a.ContentLength)
	var events []string
	for _, block := range strings.Split(strings.TrimSuffix(string(a.body), "\n\n"), "\n\n") {
		name, data, ok := strings.Cut(block, "\ndata: ")
		require.True(t, ok)
		events = append(events, strings.TrimPrefix(name, "event: "))
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(data), &m))
		assert.Equal(t, events[len(events)-1], m["type"])
	}
	assert.Equal(t, []string{"message_start", "content_block_start", "ping", "content_block_delta", "content_block_delta",
		"content_block_stop", "message_delta", "message_stop"}, events)
	assert.Equal(t, 2, strings.Count(string(a.body), `"`+strings.Repeat("x", 40)+`"`))
}

func TestTheEchoShowsWhatArrived(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	a := do(t, sb, "PUT", sb.URL(sandbox.HostAnthropic)+"/echo?a=%2F", map[string]string{"X-One": "1", "Authorization": "Bearer t"}, "hello")
	assert.Equal(t, "1", a.Header.Get("X-Echo-X-One"))
	assert.Contains(t, a.Header.Get("X-Echo-Headers"), `"Authorization: Bearer t"`)
	m := a.json(t)
	assert.Equal(t, "/echo?a=%2F", m["target"])
	assert.Equal(t, "PUT", m["method"])
	assert.Equal(t, "hello", m["body"])
	r := sb.Requests(sandbox.AnthropicEcho)
	require.Len(t, r, 1)
	assert.Contains(t, r[0].Lines, "X-One: 1")
	assert.Equal(t, "hello", string(r[0].Body))
}

package sandbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// env is the value of a variable in a list of NAME=VALUE.
func env(vars []string, name string) string {
	for _, v := range vars {
		if n, value, _ := strings.Cut(v, "="); n == name {
			return value
		}
	}
	return ""
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body []byte
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal(a.body, &m), string(a.body))
	return m
}

// do sends one request on a connection of its own.
func do(t *testing.T, sb *sandbox.Sandbox, method, url string, header map[string]string, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader([]byte(body)))
	require.NoError(t, err)
	for name, value := range header {
		req.Header.Set(name, value)
	}
	req.Close = true
	res, err := sb.Client().Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return answer{res, b}
}

func mint(t *testing.T, sb *sandbox.Sandbox, job *sandbox.Job, audience string) string {
	t.Helper()
	url := job.RequestURL()
	if audience != "" {
		url += "&audience=" + audience
	}
	a := do(t, sb, "GET", url, map[string]string{"Authorization": "Bearer " + job.RequestToken}, "")
	require.Equal(t, 200, a.StatusCode, string(a.body))
	return a.json(t)["value"].(string)
}

// exchange posts an assertion with the fields of the first rule, changed by change.
func exchange(t *testing.T, sb *sandbox.Sandbox, assertion string, change map[string]any) answer {
	t.Helper()
	r := sb.Rule()
	fields := map[string]any{
		"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion,
		"federation_rule_id": r.ID, "organization_id": r.OrganizationID,
		"service_account_id": r.ServiceAccountID, "workspace_id": r.Workspaces[0],
	}
	for name, value := range change {
		if value == nil {
			delete(fields, name)
		} else {
			fields[name] = value
		}
	}
	b, err := json.Marshal(fields)
	require.NoError(t, err)
	return do(t, sb, "POST", sb.AnthropicTokenURL(), map[string]string{"Content-Type": "application/json"}, string(b))
}

const anthropicAudience = "https://api.anthropic.com"

func TestTheWholeWayFromMintToAStreamedMessage(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			sb := sandbox.Start(t, func(c *sandbox.Config) { c.TLS = scheme == "https" })
			require.True(t, strings.HasPrefix(env(sb.GitHubEnv(), "ACTIONS_ID_TOKEN_REQUEST_URL"), scheme+"://"))

			granted := exchange(t, sb, mint(t, sb, sb.Job(), anthropicAudience), nil)
			require.Equal(t, 200, granted.StatusCode, string(granted.body))
			assert.Equal(t, "Bearer", granted.json(t)["token_type"])
			assert.InDelta(t, 600, granted.json(t)["expires_in"], 4)
			assert.Regexp(t, `^req_`, granted.Header.Get("Request-Id"))

			streamed := do(t, sb, "POST", sb.URL(sandbox.HostAnthropic)+"/v1/messages", map[string]string{
				"Authorization": "Bearer " + granted.json(t)["access_token"].(string),
				"Content-Type":  "application/json", "Anthropic-Version": "2023-06-01",
			}, `{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}`)
			require.Equal(t, 200, streamed.StatusCode, string(streamed.body))
			assert.Equal(t, 3, strings.Count(string(streamed.body), "event: content_block_delta\n"))
			assert.True(t, strings.HasSuffix(string(streamed.body), "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"))

			c := sb.Counts()
			assert.Equal(t, sandbox.Tally{MintRequests: 1, Mints: 1, Exchanges: 1, Accepted: 1, APIRequests: 1, APIAccepted: 1}, c.Tally)
			assert.Equal(t, c.Tally, c.Identities[sb.Job().Name])
			assert.Equal(t, 1, c.Messages)
		})
	}
}

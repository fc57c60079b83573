//go:build unix

package clients

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// TestAnthropicClientsUseProfilesAndFiles: with a credentials file the SDK adds the
// oauth beta by itself, and no token lies in the environment.
func TestAnthropicClientsUseProfilesAndFiles(t *testing.T) {
	t.Parallel()
	sdk := []client{anthropicClients[0]}
	to := func(w *world) environment { return environment{"ANTHROPIC_BASE_URL": anthropicUpstream(w)} }
	direct(t, (*sandbox.Sandbox).AnthropicEnv, "anthropic", 1, []form{
		{"profile that env writes", func(w *world) environment {
			return w.variables(w.plain, "--for", "sdk-profile").with(to(w))
		}, sdk},
		{"profile that env writes and serve keeps fresh", func(w *world) environment {
			e := w.variables(w.plain, "--for", "sdk-profile").with(to(w))
			path := filepath.Join(e["ANTHROPIC_CONFIG_DIR"], "credentials", e["ANTHROPIC_PROFILE"]+".json")
			require.NoError(w.t, os.Remove(path)) // the one there now is serve's
			w.keep("anthropic-credentials", path)
			return e
		}, sdk},
		{"profile that serve keeps fresh", func(w *world) environment {
			w.file("anthropic/configs/default.json", `{"version":"1.0","authentication":{"type":"user_oauth"},"organization_id":"`+w.sb.Rule().OrganizationID+`"}`)
			w.file("anthropic/credentials/.keep", "")
			w.keep("anthropic-credentials", filepath.Join(w.home, "anthropic", "credentials", "default.json"))
			return w.plain.with(to(w)).with(environment{"ANTHROPIC_CONFIG_DIR": filepath.Join(w.home, "anthropic"), "ANTHROPIC_PROFILE": "default"})
		}, sdk},
	}, betaRequired)
}

// TestAnthropicClientsExchangeTheIdentityTokenThatServeKeeps: a client that makes
// the exchange itself takes the JWT from a file.
func TestAnthropicClientsExchangeTheIdentityTokenThatServeKeeps(t *testing.T) {
	t.Parallel()
	each(t, anthropicClients, func(t *testing.T, c client) {
		argv, path := c.command(t)
		w := newWorld(t, (*sandbox.Sandbox).AnthropicEnv, betaRequired)
		jwt := filepath.Join(w.home, "identity.jwt")
		w.keep("identity-token", jwt)
		rule := w.sb.Rule()
		talk := conversation{t, w.start(w.plain.prepend(path).with(environment{
			"ANTHROPIC_BASE_URL": anthropicUpstream(w), "ANTHROPIC_IDENTITY_TOKEN_FILE": jwt,
			"ANTHROPIC_FEDERATION_RULE_ID": rule.ID, "ANTHROPIC_ORGANIZATION_ID": rule.OrganizationID,
			"ANTHROPIC_SERVICE_ACCOUNT_ID": rule.ServiceAccountID, "ANTHROPIC_WORKSPACE_ID": rule.Workspaces[0],
		}), argv...), c.talker}
		assert.Equal(t, hello, talk.say("hello"))
		assert.Equal(t, hello, talk.say("and again"))
		talk.end()
		assert.Equal(t, 1, w.sb.Counts().Accepted, "exchanges: the client's; serve makes none")
		assert.Zero(t, w.sb.Counts().Replays)
	})
}

// TestClaudeCodeRunsUsAsItsHelper: it sends what the helper prints in two headers,
// and runs it again after each 401, which must not cost an exchange.
func TestClaudeCodeRunsUsAsItsHelper(t *testing.T) {
	t.Parallel()
	argv, path := claudeCode(t)
	w := newWorld(t, (*sandbox.Sandbox).AnthropicEnv)
	gateway := newGateway(t, w)
	settings, err := json.Marshal(map[string]string{"apiKeyHelper": "echo run >> runs; " + binary + " token --format api-key-helper"})
	require.NoError(t, err)
	w.file(".claude/settings.json", string(settings))
	env := w.step.prepend(path).with(environment{"ANTHROPIC_BASE_URL": gateway.url, "CLAUDE_CODE_MAX_RETRIES": "2"})

	talk := conversation{t, w.start(env, argv...), claudeTalk}
	assert.Equal(t, hello, talk.say("hello"))
	token := w.product("token").ok(t)
	assert.Equal(t, []string{token, "Bearer " + token}, gateway.last(), "what Claude Code sent")
	before := w.lines("work/runs")

	w.sb.RevokeAll()
	_, err = talk.p.in.Write([]byte(talk.ask("with a token that is refused") + "\n"))
	require.NoError(t, err)
	refused := talk.p.wait()
	assert.Contains(t, refused.out, "401", "the refusal is told")
	assert.Greater(t, w.lines("work/runs"), before, "the helper ran again")
	assert.Equal(t, 1, w.sb.Counts().Accepted, "exchanges")
}

// lines counts the lines of a file below the home.
func (w *world) lines(name string) int {
	w.t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(w.run(w.plain, "sh", "-c", `wc -l < "$1"`, "sh", filepath.Join(w.home, name)).ok(w.t)))
	require.NoError(w.t, err)
	return n
}

// gateway passes requests on without their x-api-key, because the API takes one
// credential, and remembers what came.
type gateway struct {
	url string
	mu  sync.Mutex
	got []string
}

func newGateway(t *testing.T, w *world) *gateway {
	t.Helper()
	upstream, err := url.Parse(w.sb.PlainURL(sandbox.HostAnthropic))
	require.NoError(t, err)
	g := &gateway{}
	proxy := httputil.NewSingleHostReverseProxy(upstream)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			g.mu.Lock()
			g.got = []string{r.Header.Get("X-Api-Key"), r.Header.Get("Authorization")}
			g.mu.Unlock()
		}
		r.Header.Del("X-Api-Key")
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

// last are x-api-key and Authorization of the last POST.
func (g *gateway) last() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.got
}

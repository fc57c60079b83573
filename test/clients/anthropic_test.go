//go:build unix

package clients

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

const hello = "Hello, world"

// anthropicClients are the clients of the Messages API. Claude Code adds the oauth
// beta by itself in the form that `env` gives it; the SDK does not.
var anthropicClients = []client{
	{name: "the TypeScript SDK", consumer: "sdk", talker: sdkTalk, command: script("anthropic", "anthropic.mjs")},
	{name: "Claude Code", consumer: "claude-code", talker: claudeTalk, command: claudeCode},
}

func anthropicUpstream(w *world) string { return w.sb.URL(sandbox.HostAnthropic) }

// betaRequired makes the API refuse a token without the oauth beta: what serve and
// exec send has it whatever the client says.
var betaRequired = sandbox.With(func(c *sandbox.Config) { c.RequireOAuthBeta = true })

func TestClientsUseTheVariablesOfEnv(t *testing.T) {
	t.Parallel()
	each(t, anthropicClients, func(t *testing.T, c client) {
		argv, path := c.command(t)
		w := newWorld(t, (*sandbox.Sandbox).AnthropicEnv, sandbox.With(func(cfg *sandbox.Config) { cfg.RequireOAuthBeta = c.consumer == "claude-code" }))
		// The documented form, in the shell of a step: a leftover key does not win.
		line := `out=$("$0" env --for "$1") && eval "$out" && shift && exec "$@"`
		step := w.step.prepend(path).with(environment{"ANTHROPIC_BASE_URL": anthropicUpstream(w), "ANTHROPIC_API_KEY": "left-over"})
		for turn := range 2 {
			talk := conversation{t, w.start(step, append([]string{"sh", "-c", line, binary, c.consumer}, argv...)...), c.talker}
			assert.Equal(t, hello, talk.say("hello"), "process %d", turn+1)
			assert.Equal(t, hello, talk.say("and again"))
			talk.end()
		}
		counts := w.sb.Counts()
		assert.Equal(t, 1, counts.Accepted, "exchanges of two processes")
		assert.Equal(t, 4, counts.Messages)
		assert.Zero(t, counts.APIRefused)
	})
}

func TestClientsTalkThroughServe(t *testing.T) {
	t.Parallel()
	each(t, anthropicClients, func(t *testing.T, c client) {
		argv, path := c.command(t)
		w := newWorld(t, (*sandbox.Sandbox).AnthropicEnv, betaRequired)
		s := w.serve("--listen", "127.0.0.1:0", "--upstream", anthropicUpstream(w), "--allow", "inference")
		env := s.env(w.plain.prepend(path).with(setTrap(t)), "--for", c.consumer)
		talk := conversation{t, w.start(env, argv...), c.talker}
		assert.Equal(t, hello, talk.say("hello"))
		assert.Equal(t, hello, talk.say("and again"))
		talk.end()
		counts := w.sb.Counts()
		assert.Equal(t, 2, counts.Messages)
		assert.Equal(t, 1, counts.Accepted)
		assert.Zero(t, counts.APIRefused)
		assert.Zero(t, counts.Endpoints[sandbox.AnthropicRoot], "the client's first look at the base URL is answered by serve")
		for _, r := range w.sb.Requests(sandbox.Messages) {
			assert.Contains(t, string(r.Body), `"stream":true`)
		}
		w.neverUpstream(s.key)
	})
}

// short is the shortest lifetime that the vendor grants. serve replaces a token
// after 65 to 75 % of it.
const short = time.Minute

func TestClientsNoticeNeitherRevocationNorRotation(t *testing.T) {
	t.Parallel()
	ways := map[string]func(t *testing.T, w *world, c client) conversation{
		"through serve": func(t *testing.T, w *world, c client) conversation {
			argv, path := c.command(t)
			s := w.serve("--listen", "127.0.0.1:0", "--upstream", anthropicUpstream(w))
			return conversation{t, w.start(s.env(w.plain.prepend(path), "--for", c.consumer), argv...), c.talker}
		},
		"through exec": func(t *testing.T, w *world, c client) conversation {
			argv, path := c.command(t)
			argv = append([]string{binary, "exec", "--upstream", anthropicUpstream(w), "--"}, argv...)
			return conversation{t, w.start(w.step.prepend(path).with(setTrap(t)), argv...), c.talker}
		},
	}
	for way, begin := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			each(t, anthropicClients, func(t *testing.T, c client) {
				want(t, "ci")
				w := newWorld(t, (*sandbox.Sandbox).AnthropicEnv, betaRequired,
					sandbox.With(func(c *sandbox.Config) { c.Rule.TokenLifetime = short }))
				talk := begin(t, w, c)
				assert.Equal(t, hello, talk.say("hello"))

				w.sb.RevokeAll()
				assert.Equal(t, hello, talk.say("after the token was revoked"))
				counts := w.sb.Counts()
				assert.Equal(t, 1, counts.APIRefused, "the revoked token was tried once")
				assert.Equal(t, 2, counts.Accepted, "and replaced once")

				// A stream during which the token is replaced ahead of its end.
				const events = 24
				w.sb.SetStream(sandbox.Stream{Events: events, Interval: short * 8 / 10 / events})
				assert.Len(t, talk.say("while it is replaced"), len(hello)*events/3)
				w.sb.SetStream(sandbox.Stream{})
				assert.Len(t, w.bearers(sandbox.Messages), 2, "the stream went on with the token that it began with")
				ctx, cancel := context.WithTimeout(context.Background(), short/6) // before its end
				defer cancel()
				require.NoError(t, w.sb.Await(ctx, func(c sandbox.Counts) bool { return c.Accepted == 3 }), "the token is replaced ahead")
				for tries := 0; len(w.bearers(sandbox.Messages)) == 2 && tries < 20; tries++ { // its answer may still be on the way
					assert.Equal(t, hello, talk.say("after it was replaced"))
				}
				talk.end()
				assert.Len(t, w.bearers(sandbox.Messages), 3, "the new token is used")
				assert.Equal(t, 1, w.sb.Counts().APIRefused, "refused calls")
				assert.Zero(t, w.sb.Counts().Replays, "assertions that were sent twice")
			})
		})
	}
}

// bearers are the different bearer tokens that reached an endpoint.
func (w *world) bearers(of sandbox.Endpoint) []string {
	var tokens []string
	seen := map[string]bool{}
	for _, r := range w.sb.Requests(of) {
		var token string
		_, _ = fmt.Sscanf(r.Header.Get("Authorization"), "Bearer %s", &token)
		if !seen[token] {
			seen[token] = true
			tokens = append(tokens, token)
		}
	}
	return tokens
}

//go:build unix

package clients

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// TestClientsUseAStaticKeyTheyNeverSee: without federation exec holds the vendor's
// static key, and the client gets a key of its own.
func TestClientsUseAStaticKeyTheyNeverSee(t *testing.T) {
	t.Parallel()
	const key = "sk-static-canary-0123456789abcdef"
	for _, v := range []struct {
		name, variable string
		host           sandbox.Host
		client         client
	}{
		{"anthropic", "ANTHROPIC_API_KEY", sandbox.HostAnthropic, anthropicClients[0]},
		{"anthropic, Claude Code", "ANTHROPIC_API_KEY", sandbox.HostAnthropic, anthropicClients[1]},
		{"aws", "AWS_BEARER_TOKEN_BEDROCK", sandbox.HostBedrock, client{talker: sdkTalk, command: script("bedrock", "bedrock.mjs")}},
		{"azure", "AZURE_OPENAI_API_KEY", sandbox.HostFoundry, client{talker: sdkTalk, command: script("openai", "azure-openai.mjs")}},
		{"openai", "OPENAI_API_KEY", sandbox.HostOpenAI, client{talker: sdkTalk, command: script("openai", "openai.mjs")}},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			argv, path := v.client.command(t)
			w := newWorld(t, func(*sandbox.Sandbox) []string { return nil }, sandbox.With(func(c *sandbox.Config) { c.APIKey = key }))
			step := w.plain.prepend(path).with(environment{
				v.variable: key, "AWF_CRED_CA_FILE": w.sb.CAFile(), "AWS_REGION": "us-east-1", "OPENAI_API_VERSION": "2024-10-21",
			})
			argv = append([]string{binary, "exec", "--upstream", w.sb.URL(v.host), "--", "sh", "-c", `env > ../environ && exec "$@"`, "sh"}, argv...)
			talk := conversation{t, w.start(step.with(setTrap(t)), argv...), v.client.talker}
			assert.Equal(t, hello, talk.say("hello"))
			assert.Equal(t, hello, talk.say("and again"))
			talk.end()
			assert.Zero(t, w.sb.Counts().APIRefused, "refused calls: %q", w.sb.Reasons())
			assert.Contains(t, w.secrets(), key, "the key that reached the vendor")
			w.hiddenFiles() // the program's environment among them
		})
	}
}

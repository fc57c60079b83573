//go:build unix

package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// vendor is an API and the clients that call it.
type vendor struct {
	name    string
	env     func(*sandbox.Sandbox) []string
	host    sandbox.Host // of the API
	clients []client
}

const (
	bedrockModel = "us.anthropic.claude-opus-4-8-v1:0"
	bedrockARN   = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-8-v1:0"
)

var vendors = []vendor{
	{name: "aws", env: (*sandbox.Sandbox).AWSEnv, host: sandbox.HostBedrock, clients: []client{
		{name: "Anthropic's Bedrock SDK", consumer: "sdk", talker: sdkTalk, command: script("bedrock", "bedrock.mjs")},
		{name: "AWS SDK", consumer: "sdk", talker: sdkTalk, command: script("aws", "aws.mjs"), says: []string{
			"invoke " + bedrockModel, "invokeStream " + bedrockARN, "converse " + bedrockARN, "converseStream " + bedrockModel,
		}},
		{name: "Claude Code", consumer: "claude-code", talker: claudeTalk, command: claudeCode},
		{name: "AWS CLI", consumer: "sdk", talker: shellTalk, command: awsConverse, says: []string{"hello"}},
	}},
	{name: "gcp", env: (*sandbox.Sandbox).GCPEnv, host: sandbox.HostVertex, clients: []client{
		{name: "Anthropic's Vertex SDK", consumer: "sdk", talker: sdkTalk, command: script("vertex", "vertex.mjs"), env: environment{"GATEWAY": "1"}},
		{name: "Claude Code", consumer: "sdk", talker: claudeTalk, command: claudeCode},
	}},
	{name: "azure", env: (*sandbox.Sandbox).AzureEnv, host: sandbox.HostFoundry, clients: []client{
		{name: "OpenAI's Azure client", consumer: "sdk", talker: sdkTalk, command: script("openai", "azure-openai.mjs"),
			env: environment{"OPENAI_API_VERSION": "2024-10-21"}},
		{name: "Claude Code", consumer: "sdk", talker: claudeTalk, command: claudeCode},
	}},
	{name: "openai", env: (*sandbox.Sandbox).OpenAIEnv, host: sandbox.HostOpenAI, clients: []client{
		{name: "OpenAI's SDK", consumer: "sdk", talker: sdkTalk, command: script("openai", "openai.mjs")},
		{name: "Codex", consumer: "sdk", talker: shellTalk, command: codex, says: []string{"hello"}},
	}},
}

// TestEveryVendorsClients: each client talks through serve and through exec, past
// a company's proxy, and does not notice that its credential is revoked.
func TestEveryVendorsClients(t *testing.T) {
	t.Parallel()
	for _, v := range vendors {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			for way, begin := range map[string]func(*testing.T, *world, vendor, client) (*process, string){"serve": throughServe, "exec": throughExec} {
				t.Run(way, func(t *testing.T) {
					t.Parallel()
					each(t, v.clients, func(t *testing.T, c client) {
						want(t, "ci")
						w := newWorld(t, v.env)
						p, key := begin(t, w, v, c)
						talk := conversation{t, p, c.talker}
						for _, prompt := range c.prompts() {
							assert.Equal(t, hello, talk.say(prompt), prompt)
						}
						w.sb.RevokeAll()
						for _, prompt := range c.prompts() {
							assert.Equal(t, hello, talk.say(prompt), prompt)
						}
						talk.end()
						tally := w.sb.Counts().Providers[v.name]
						assert.Equal(t, 2, tally.Accepted, "exchanges: one, and one after the revocation")
						assert.Equal(t, 1, tally.APIRefused, "refused calls: the one with the revoked credential; reasons %q", w.sb.Reasons())
						if key != "" {
							w.neverUpstream(key)
						} else {
							w.hiddenFiles()
						}
						w.hidden("standard error", []byte(p.err.String()))
					})
				})
			}
		})
	}
}

// throughServe starts a client beside a serve, and returns the key that it has.
func throughServe(t *testing.T, w *world, v vendor, c client) (*process, string) {
	argv, path := c.command(t)
	s := w.serve("--listen", "127.0.0.1:0", "--upstream", w.sb.URL(v.host))
	env := s.env(w.plain.prepend(path).with(setTrap(t)).with(c.env), "--for", c.consumer)
	return w.start(env, argv...), s.key
}

// throughExec starts a client under exec.
func throughExec(t *testing.T, w *world, v vendor, c client) (*process, string) {
	argv, path := c.command(t)
	argv = append([]string{binary, "exec", "--upstream", w.sb.URL(v.host), "--"}, argv...)
	return w.start(w.step.prepend(path).with(setTrap(t)).with(c.env), argv...), ""
}

// oldAWS says that the AWS CLI does not know Bedrock's runtime; empty when it does.
var oldAWS = sync.OnceValue(func() string {
	cmd := exec.Command("aws", "bedrock-runtime", "converse")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "AWS_PAGER="}
	if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), "--model-id") {
		return "this AWS CLI is too old to know Bedrock's runtime"
	}
	return ""
})

// awsConverse is the AWS CLI in a loop, where it is new enough.
func awsConverse(t *testing.T) ([]string, string) {
	want(t, "all")
	path := program(t, "aws")
	if why := oldAWS(); why != "" {
		t.Skip(why)
	}
	return loop(`aws bedrock-runtime converse --model-id ` + bedrockModel +
		` --messages '[{"role":"user","content":[{"text":"hello"}]}]' --query 'output.message.content[0].text' --output text`), filepath.Dir(path)
}

// codex is Codex in a loop. Its own provider of a model is the way to give it a
// base URL; it wants its directory to exist.
func codex(t *testing.T) ([]string, string) {
	g := npm(t, "codex")
	return loop(`mkdir -p "$HOME/.codex" && codex exec --skip-git-repo-check -m gpt-5 -c model_provider=p -c model_providers.p.name=p` +
		` -c "model_providers.p.base_url=$OPENAI_BASE_URL" -c model_providers.p.env_key=OPENAI_API_KEY -c model_providers.p.wire_api=responses` +
		` -c model_providers.p.request_max_retries=0 -c model_providers.p.stream_max_retries=0 "$prompt"`), g.bin()
}

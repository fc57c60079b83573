package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// vendorCall is one request to a vendor's API, made by a child of `awf-cred exec`:
// the variables that it finds there are all that it knows.
type vendorCall struct {
	provider string
	how      string // what happens on the way
	env      func(*sandbox.Sandbox) []string
	host     sandbox.Host // the upstream
	base     string       // variable with the base URL of the proxy
	key      string       // variable with the phantom key, empty where it is in the path
	header   string       // header for the key, empty for a bearer token
	path     string       // behind the base URL
	body     string
}

const claudeBody = `"max_tokens":16,"messages":[{"role":"user","content":"Hello"}]}`

var vendorCalls = []vendorCall{
	{
		provider: "anthropic", how: "federation token, bearer", env: (*sandbox.Sandbox).AnthropicEnv, host: sandbox.HostAnthropic,
		base: "ANTHROPIC_BASE_URL", key: "ANTHROPIC_AUTH_TOKEN", path: "/v1/messages", body: `{"model":"claude-sandbox",` + claudeBody,
	},
	{
		provider: "aws", how: "AssumeRoleWithWebIdentity, SigV4", env: (*sandbox.Sandbox).AWSEnv, host: sandbox.HostBedrock,
		base: "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", key: "AWS_BEARER_TOKEN_BEDROCK", path: "/model/anthropic.claude-sandbox-v1:0/invoke",
		body: `{"anthropic_version":"bedrock-2023-05-31",` + claudeBody,
	},
	{
		provider: "azure", how: "Entra client assertion, bearer", env: (*sandbox.Sandbox).AzureEnv, host: sandbox.HostFoundry,
		base: "AZURE_OPENAI_ENDPOINT", key: "AZURE_OPENAI_API_KEY", header: "api-key", path: "/openai/v1/chat/completions",
		body: `{"model":"gpt-sandbox","messages":[{"role":"user","content":"Hello"}]}`,
	},
	{
		provider: "gcp", how: "STS, then impersonation, bearer", env: (*sandbox.Sandbox).GCPEnv, host: sandbox.HostVertex,
		base: "ANTHROPIC_VERTEX_BASE_URL", path: "/projects/PROJECT/locations/global/publishers/anthropic/models/claude-sandbox:rawPredict",
		body: `{"anthropic_version":"vertex-2023-10-16",` + claudeBody,
	},
	{
		provider: "openai", how: "token exchange, bearer", env: (*sandbox.Sandbox).OpenAIEnv, host: sandbox.HostOpenAI,
		base: "OPENAI_BASE_URL", key: "OPENAI_API_KEY", path: "/chat/completions",
		body: `{"model":"gpt-sandbox","messages":[{"role":"user","content":"Hello"}]}`,
	},
}

// vendors shows one call for each vendor through `awf-cred exec`.
func (d *demo) vendors(ctx context.Context) error {
	d.title("$ awf-cred exec -- agent        (five vendors; the agent never holds the credential)")
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for i, c := range vendorCalls {
		cmd := exec.CommandContext(ctx, d.binary, "exec", "--upstream", d.sandbox.URL(c.host), "--", self, "call", strconv.Itoa(i))
		cmd.Env = append(d.plainEnv(), append(d.sandbox.GitHubEnv(), c.env(d.sandbox)...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("%s: %w\n%s%s", c.provider, err, out, stderr.String())
		}
		d.say("   %-10s %-34s %s", c.provider, c.how, strings.TrimSpace(string(out)))
	}
	return nil
}

// call is the agent: it makes its request and looks for what it must not have.
func call(ctx context.Context, i int) error {
	if i < 0 || i >= len(vendorCalls) {
		return errors.New("no such call")
	}
	c := vendorCalls[i]
	for _, name := range []string{"ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL"} {
		if os.Getenv(name) != "" {
			return fmt.Errorf("the agent has %s", name)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	path := strings.Replace(c.path, "PROJECT", os.Getenv("ANTHROPIC_VERTEX_PROJECT_ID"), 1)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv(c.base)+path, strings.NewReader(c.body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	switch {
	case c.key == "":
	case c.header != "":
		req.Header.Set(c.header, os.Getenv(c.key))
	default:
		req.Header.Set("Authorization", "Bearer "+os.Getenv(c.key))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %d: %s", resp.StatusCode, answer)
	}
	fmt.Printf("HTTP %d, %d bytes\n", resp.StatusCode, len(answer))
	return nil
}

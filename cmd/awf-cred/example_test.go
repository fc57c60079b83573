//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/cli"
	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// Every example of every help text is run as it stands there.
func TestTheExamplesOfHelpRun(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash")
	}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		assert.NotEmpty(t, cmd.Short, cmd.CommandPath())
		if cmd.Name() != "help" {
			assert.NotEmpty(t, cmd.Example, "%s has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			t.Run(line, func(t *testing.T) {
				t.Parallel()
				runExample(t, line)
			})
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(cli.Command("linux"))
}

// runExample runs a line in bash, in a home and a workflow step of its own.
func runExample(t *testing.T, line string) {
	for _, other := range []string{"fish", "powershell", "zsh"} {
		if strings.Contains(line, "| source") && other == "fish" || strings.Contains(line, "Invoke-Expression") && other == "powershell" {
			line, _, _ = strings.Cut(line, " | ") // the rest is that shell's language
		}
	}
	if strings.Contains(line, " serve") || strings.Contains(line, " exec ") || strings.Contains(line, "--via") || strings.Contains(line, "--ready-file") {
		t.Skip("a server: run by tests of its own")
	}
	sb := sandbox.Start(t)
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", line)
	cmd.Dir = t.TempDir()
	for name, text := range map[string]string{
		"github_env":                 "",
		"token.jwt":                  sb.MintToken(sandbox.Token{Audience: "https://api.anthropic.com"}),
		"awf-cred.yaml":              strings.Join(profile(sb), "\n"),
		".config/fish/completions/x": "",
	} {
		path := filepath.Join(cmd.Dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "XDG_CACHE_HOME="+cmd.Dir+"/cache", "XDG_CONFIG_HOME="+cmd.Dir+"/.config",
		"RUNNER_TEMP="+cmd.Dir, "GITHUB_ENV="+cmd.Dir+"/github_env")
	cmd.Env = append(append(cmd.Env, sb.GitHubEnv()...), sb.AnthropicEnv()...)
	if strings.Contains(line, "--profile review") {
		cmd.Env = append(cmd.Env, "AWF_CRED_CONFIG="+cmd.Dir+"/awf-cred.yaml")
	}
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, "%s", out)
}

// profile is a config file with the profile `review`.
func profile(sb *sandbox.Sandbox) []string {
	r := sb.Rule()
	return []string{
		"version: 1", "profiles:", "  review:", "    provider: anthropic", "    identity: github",
		"    federation_rule_id: " + r.ID, "    organization_id: " + r.OrganizationID,
		"    service_account_id: " + r.ServiceAccountID, "    workspace_id: default", "",
	}
}

//go:build unix

package repo

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// step is a workflow step in which the commands of a page run: a home of its own,
// the sandbox's variables, and what earlier steps left in GITHUB_ENV. Programs that
// are started in the background live until the page ends.
type step struct {
	home   string
	env    map[string]string
	set    map[string]bool // variables of the sandbox, which a page does not overwrite
	groups []int           // process groups of what was started
}

// newStep starts the sandbox of a vendor.
func newStep(t *testing.T, bin, provider string) *step {
	t.Helper()
	sb := sandbox.Start(t, sandbox.WithTLS(), sandbox.With(func(c *sandbox.Config) { c.APIKey = "sk-ant-api03-static" }))
	vars, upstream := vendor(t, sb, provider)
	stubs, err := filepath.Abs("testdata/stubs")
	require.NoError(t, err)
	curl, err := exec.LookPath("curl")
	require.NoError(t, err)
	s := &step{home: t.TempDir(), env: map[string]string{}, set: map[string]bool{}}
	s.put(append(sb.GitHubEnv(), vars...)...)
	s.put(upstream,
		"PATH="+strings.Join([]string{stubs, bin, os.Getenv("PATH")}, string(os.PathListSeparator)),
		"HOME="+s.home, "RUNNER_TEMP="+s.home, "GITHUB_ENV="+filepath.Join(s.home, "github-env"),
		"AWF_CRED_CA_FILE="+sb.CAFile(),
		"AWF_TEST_PROVIDER="+provider, "AWF_TEST_CURL="+curl,
		"AWF_TEST_CONNECT=--connect-to api.anthropic.com:443:"+sb.Address(sandbox.HostAnthropic)+
			" --connect-to api.openai.com:443:"+sb.Address(sandbox.HostOpenAI),
	)
	require.NoError(t, os.WriteFile(s.env["GITHUB_ENV"], nil, 0o600))
	for name := range s.env {
		s.set[name] = true
	}
	require.NoError(t, os.Symlink(filepath.Join(stubs, "agent"), filepath.Join(s.home, "my-agent")))
	t.Cleanup(func() {
		for _, group := range s.groups {
			_ = syscall.Kill(-group, syscall.SIGKILL)
		}
	})
	return s
}

// vendor are the variables that lead to the sandbox of a vendor: to its token
// endpoint, and to its API.
func vendor(t *testing.T, sb *sandbox.Sandbox, provider string) (vars []string, upstream string) {
	t.Helper()
	switch provider {
	case "anthropic":
		return sb.AnthropicEnv(), "ANTHROPIC_API_TARGET=" + sb.Address(sandbox.HostAnthropic)
	case "aws":
		return sb.AWSEnv(), "AWS_ENDPOINT_URL_BEDROCK_RUNTIME=" + sb.TLSURL(sandbox.HostBedrock)
	case "azure":
		app := sb.App() // AKS, for the page of kubectl
		app.Scopes = append(app.Scopes, "6dae42f8-4368-4678-94ff-3960e28e3630/.default")
		sb.SetApp(app)
		return sb.AzureEnv(), "AZURE_OPENAI_ENDPOINT=" + sb.TLSURL(sandbox.HostFoundry)
	case "gcp":
		return sb.GCPEnv(), "VERTEX_API_TARGET=" + sb.Address(sandbox.HostVertex)
	case "openai":
		return sb.OpenAIEnv(), "OPENAI_API_TARGET=" + sb.Address(sandbox.HostOpenAI)
	}
	require.Fail(t, "no sandbox is called "+provider)
	return nil, ""
}

func (s *step) put(vars ...string) {
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		s.env[name] = value
	}
}

// longestBlock bounds a block: nothing in the documentation takes long.
const longestBlock = 40 * time.Second

// run runs a script and reads what it left in GITHUB_ENV.
func (s *step) run(t *testing.T, b block, script string, vars ...string) {
	t.Helper()
	out := s.capture(t, b, script, vars...)
	for name, value := range s.exported(t) {
		s.env[name] = value
	}
	t.Logf("%s", out)
}

// capture runs a script, which must succeed, and returns its output.
func (s *step) capture(t *testing.T, b block, script string, vars ...string) string {
	t.Helper()
	// A file, because a pipe would stay open as long as a program in the background.
	out, err := os.CreateTemp(s.home, "output-*")
	require.NoError(t, err)
	defer func() { _ = out.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), longestBlock)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.home, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	for name, value := range s.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Env = append(cmd.Env, vars...)
	require.NoError(t, cmd.Start())
	s.groups = append(s.groups, cmd.Process.Pid)
	err = cmd.Wait()
	text, readErr := os.ReadFile(out.Name())
	require.NoError(t, readErr)
	assert.NoError(t, err, "%s:%d\n%s\n%s", b.page, b.line, script, text)
	return string(text)
}

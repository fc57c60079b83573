package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// start runs the program in this process until stdin is closed or the test ends.
func start(t *testing.T, args ...string) (vars map[string]string, stop func() error) {
	t.Helper()
	in, feed := io.Pipe()
	read, out := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := command(in, out, io.Discard)
	ready := filepath.Join(t.TempDir(), "ready")
	cmd.SetArgs(append(args, "--exit-on-eof", "--ready-file", ready))
	ended := make(chan error, 1)
	go func() {
		err := cmd.ExecuteContext(ctx)
		out.Close()
		ended <- err
	}()
	var printed bytes.Buffer
	buf := make([]byte, 64<<10)
	n, err := read.Read(buf)
	require.NoError(t, err)
	printed.Write(buf[:n])
	vars = map[string]string{}
	for line := range strings.Lines(printed.String()) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		vars[name] = strings.Trim(value, "'")
	}
	stop = func() error {
		feed.Close()
		err := <-ended
		cancel()
		return err
	}
	return vars, stop
}

func TestItPrintsWhatAClientNeedsAndEndsWithItsInput(t *testing.T) {
	t.Parallel()
	vars, stop := start(t, "--fault", "github.mint:503")
	assert.Equal(t, "github-oidc", vars["AWF_AUTH_TYPE"])
	assert.Equal(t, "anthropic", vars["AWF_AUTH_PROVIDER"])
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+/v1/oauth/token$`, vars["AWF_AUTH_ANTHROPIC_TOKEN_URL"])
	req, err := http.NewRequestWithContext(t.Context(), "GET", vars["ACTIONS_ID_TOKEN_REQUEST_URL"], nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+vars["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
	for _, status := range []int{503, 200} {
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		res.Body.Close()
		assert.Equal(t, status, res.StatusCode)
	}
	res, err := http.Get(vars["AWF_SANDBOX_ADMIN"] + "/counts")
	require.NoError(t, err)
	defer res.Body.Close()
	var counts map[string]any
	require.NoError(t, json.NewDecoder(res.Body).Decode(&counts))
	assert.EqualValues(t, 2, counts["mint_requests"])
	require.NoError(t, stop())
	_, err = os.Stat(filepath.Dir(vars["AWF_SANDBOX_CA_FILE"]))
	assert.ErrorIs(t, err, os.ErrNotExist, "nothing is left behind")
}

func TestFlagsChangeTheWorld(t *testing.T) {
	t.Parallel()
	vars, stop := start(t, "--tls", "--github-actions", "--provider", "anthropic", "--clock-offset", "1h")
	assert.True(t, strings.HasPrefix(vars["AWF_AUTH_ANTHROPIC_TOKEN_URL"], "https://"))
	assert.Equal(t, "true", vars["GITHUB_ACTIONS"])
	assert.FileExists(t, vars["AWF_CRED_CA_FILE"])
	require.NoError(t, stop())
}

func TestEveryProviderIsPrinted(t *testing.T) {
	t.Parallel()
	vars, stop := start(t, "--provider", "all")
	for _, name := range []string{"AWF_AUTH_ANTHROPIC_TOKEN_URL", "AWF_AUTH_AWS_TOKEN_URL", "AWF_AUTH_GCP_TOKEN_URL", "AWF_AUTH_GCP_IAM_URL",
		"AWF_AUTH_AZURE_TOKEN_URL", "AWF_AUTH_OPENAI_TOKEN_URL", "AWF_SANDBOX_BEDROCK_URL", "AWF_SANDBOX_FOUNDRY_URL"} {
		assert.NotEmpty(t, vars[name], name)
	}
	assert.Empty(t, vars["AWF_AUTH_PROVIDER"], "the caller chooses")
	require.NoError(t, stop())
	for _, provider := range providers() {
		vars, stop := start(t, "--provider", provider)
		assert.Equal(t, provider, vars["AWF_AUTH_PROVIDER"])
		require.NoError(t, stop())
	}
}

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"no endpoint": {"--fault", "anthropic.tokn:503"},
		"no step":     {"--fault", "anthropic.token:explode"},
		"want HOST":   {"--port", "anthropic"},
		"no host":     {"--port", "nowhere=1"},
		"--shell":     {"--shell", "tcsh"},
		"--provider":  {"--provider", "nobody"},
	} {
		cmd := command(strings.NewReader(""), io.Discard, io.Discard)
		cmd.SetArgs(args)
		err := cmd.ExecuteContext(t.Context())
		if name == "no step" {
			name = "explode"
		}
		require.ErrorContains(t, err, name)
	}
}

func TestEveryShellReadsItsForm(t *testing.T) {
	t.Parallel()
	for shell, want := range map[string]string{
		"posix": `export A='it'\''s'`, "fish": `set -gx A 'it\'s'`, "powershell": `$Env:A = 'it''s'`, "dotenv": `A=it's`,
	} {
		quote, err := dialect(shell)
		require.NoError(t, err)
		assert.Equal(t, want, quote("A", "it's"))
	}
}

func TestASignalEndsTheProgram(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no SIGTERM on windows")
	}
	bin := filepath.Join(t.TempDir(), "awf-sandbox")
	out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd := exec.CommandContext(t.Context(), bin)
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = stdout.Read(make([]byte, 1))
		require.NoError(t, err)
		require.NoError(t, cmd.Process.Signal(sig))
		_, _ = io.Copy(io.Discard, stdout)
		require.NoError(t, cmd.Wait(), "status 0 after %v", sig)
	}
}

func TestTheProductDoesNotLinkTheSandbox(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "github.com/awf-cred/awf-cred/cmd/awf-cred").Output()
	require.NoError(t, err)
	assert.NotContains(t, string(out), "awf-cred/internal/sandbox")
	out, err = exec.Command("go", "list", "-deps", "github.com/awf-cred/awf-cred/internal/sandbox").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "github.com/awf-cred/") {
			assert.Equal(t, "github.com/awf-cred/awf-cred/internal/sandbox\n", line, "it imports nothing of ours")
		}
	}
}

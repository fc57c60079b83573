//go:build unix

package clients

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// probe is what a curious agent sees of itself, written to files; then it becomes
// the client.
const probe = `
env > "$SEEN/environ"
ls -l /proc/self/fd > "$SEEN/fds" 2>/dev/null
exec "$@"`

func TestAnAgentUnderExecFindsNoCredential(t *testing.T) {
	t.Parallel()
	each(t, anthropicClients, func(t *testing.T, c client) {
		argv, path := c.command(t)
		w := newWorld(t, (*sandbox.Sandbox).AnthropicEnv, betaRequired)
		seen := filepath.Join(w.home, "seen")
		require.NoError(t, os.Mkdir(seen, 0o700))
		identity := w.file("identity.jwt", "")
		step := w.step.prepend(path).with(setTrap(t)).with(environment{
			"SEEN": seen, "GITHUB_TOKEN": "ghs_stays", "ANTHROPIC_API_KEY": "sk-ant-canary", "AWS_SECRET_ACCESS_KEY": "canary",
			"ANTHROPIC_IDENTITY_TOKEN_FILE": identity, "OPENAI_API_KEY": "sk-canary",
		})
		argv = append([]string{binary, "exec", "--upstream", anthropicUpstream(w), "--", "sh", "-c", probe, "sh"}, argv...)
		p := w.start(step, argv...)
		talk := conversation{t, p, c.talker}
		assert.Equal(t, hello, talk.say("hello"))
		assert.Equal(t, hello, talk.say("and again"))
		talk.end()
		require.NoError(t, os.Remove(identity))

		environ, err := os.ReadFile(filepath.Join(seen, "environ"))
		require.NoError(t, err)
		vars := parse(strings.Split(string(environ), "\n"))
		w.neverUpstream(vars["ANTHROPIC_AUTH_TOKEN"])
		for name, value := range vars {
			assert.NotContains(t, value, "canary", name)
			assert.False(t, strings.HasPrefix(name, "ACTIONS_") || strings.HasPrefix(name, "AWF_"), "%s must be gone", name)
		}
		assert.Equal(t, "ghs_stays", vars["GITHUB_TOKEN"], "it is the program's own")
		require.NotEmpty(t, w.secrets())
		w.hidden("standard error", []byte(p.err.String()))
		w.hiddenFiles() // what the probe saw, what the client left, and no cache entry

		if runtime.GOOS == "linux" {
			fds, err := os.ReadFile(filepath.Join(seen, "fds"))
			require.NoError(t, err)
			for line := range strings.Lines(string(fds)) {
				name, to, ok := strings.Cut(strings.TrimSpace(line), " -> ")
				if f := strings.Fields(name); ok && len(f) > 0 {
					assert.True(t, strings.HasPrefix(to, "pipe:") || strings.HasPrefix(to, "/proc/") || strings.HasSuffix(to, "/fds") || to == "/dev/null",
						"descriptor %s leads to %s", f[len(f)-1], to)
				}
			}
		}
	})
}

// TestAnAgentCannotReadItsParent: under the same user, neither environment nor
// memory, descriptors nor directory of exec can be read. Root reads everything, so
// both are nobody then.
func TestAnAgentCannotReadItsParent(t *testing.T) {
	t.Parallel()
	want(t, "ci")
	if runtime.GOOS != "linux" {
		t.Skip("/proc is Linux's")
	}
	w := newWorld(t, (*sandbox.Sandbox).AnthropicEnv, sandbox.With(func(c *sandbox.Config) { c.TLS = false }))
	argv := []string{copied(t), "exec", "--upstream", anthropicUpstream(w), "--", "sh", "-c", `
		for file in environ mem; do head -c 1 /proc/$PPID/$file; done
		for folder in fd cwd; do ls /proc/$PPID/$folder/; done
		head -c 1 /proc/self/environ >/dev/null && echo "its own can be read"`}
	env := w.step
	delete(env, "AWF_CRED_CA_FILE")
	if os.Getuid() == 0 {
		argv = append([]string{program(t, "setpriv"), "--reuid", "65534", "--regid", "65534", "--clear-groups"}, argv...)
		env = env.with(environment{"HOME": "/nonexistent", "TMPDIR": "/tmp"})
	}
	got := start(t, "/", env.list(), argv...).wait()
	assert.Contains(t, got.out, "its own can be read")
	assert.Equal(t, 4, strings.Count(got.err, "Permission denied"), "environment, memory, descriptors and directory of the parent:\n%s\n%s", got.out, got.err)
}

// copied is the binary where every user can run it.
func copied(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "awf-clients-binary")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	data, err := os.ReadFile(binary)
	require.NoError(t, err)
	path := filepath.Join(dir, "awf-cred")
	require.NoError(t, os.WriteFile(path, data, 0o755))
	return path
}

package identity_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/clock"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/identity"
)

// helperDir in the environment makes the test binary a program that waits for its
// identity command.
const helperDir = "IDENTITY_TEST_HELPER_DIR"

func helper(dir string) {
	s, err := identity.New(identity.Options{
		Identity: config.Identity{Type: config.Command, Argv: []string{"/bin/sh", "-c", "echo $$ >$DIR/pid.new; mv $DIR/pid.new $DIR/pid; exec sleep 1000"}, Timeout: time.Hour},
		Env:      []string{"PATH=/usr/bin:/bin", "DIR=" + dir}, GOOS: "linux", Clock: clock.System{},
	})
	if err == nil {
		_, _ = s.Assertion(context.Background(), "")
	}
}

func TestACommandEndsWithUsWhenWeAreKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), helperDir+"="+dir)
	require.NoError(t, cmd.Start())
	pid := filepath.Join(dir, "pid")
	require.Eventually(t, func() bool { _, err := os.Stat(pid); return err == nil }, 20*time.Second, time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	gone(t, pid)
}

func TestACommandGetsTheEnvironmentThatWasHandedIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := source(t, identity.Options{Identity: config.Identity{Type: config.Command, Timeout: time.Minute, Argv: []string{"/bin/sh", "-c", "echo \"[$HOME$GOPATH$USER]\" >" + dir + "/env"}}})
	refused(t, s)
	env, err := os.ReadFile(filepath.Join(dir, "env"))
	require.NoError(t, err)
	assert.Equal(t, "[]\n", string(env))
}

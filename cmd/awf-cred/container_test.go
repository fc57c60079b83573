//go:build unix

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// The steps of a container job run as root, and RUNNER_TEMP belongs to the runner.
// They share a cache there, beside the one of the runner's own steps.
func TestAContainerJobHasACache(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root to give a folder away")
	}
	sb := sandbox.Start(t)
	temp := filepath.Join(openDir(t), "_temp")
	require.NoError(t, os.Mkdir(temp, 0o755))
	require.NoError(t, os.Chown(temp, nobody, nobody))

	token := func(uid uint32, args ...string) string {
		cmd := program(t, sb, append([]string{"token", "--format", "json"}, args...)...)
		cmd.Env = append(cmd.Env, "GITHUB_ACTIONS=true", "RUNNER_TEMP="+temp)
		if uid != 0 {
			asNobody(t, cmd)
		}
		status, stdout, stderr := outcome(t, cmd)
		require.Equal(t, 0, status, stderr)
		for line := range strings.Lines(stderr) {
			if !strings.HasPrefix(line, "::add-mask::") {
				assert.NotContains(t, line, "cache", "it is used without a word")
			}
		}
		var answer struct{ Token string }
		require.NoError(t, json.Unmarshal([]byte(stdout), &answer))
		return answer.Token
	}
	first := token(0)
	assert.Equal(t, first, token(0))
	assert.Equal(t, 1, sb.Counts().Exchanges)
	info, err := os.Stat(filepath.Join(temp, "awf-cred-root"))
	require.NoError(t, err)
	assert.Equal(t, os.ModeDir|0o700, info.Mode())

	second := token(nobody)
	assert.NotEqual(t, first, second)
	assert.Equal(t, second, token(nobody))
	assert.DirExists(t, filepath.Join(temp, "awf-cred"))

	named := filepath.Join(temp, "named", "cache")
	third := token(0, "--cache-dir", named)
	assert.Equal(t, third, token(0, "--cache-dir", named))
	assert.Equal(t, 3, sb.Counts().Exchanges)
}

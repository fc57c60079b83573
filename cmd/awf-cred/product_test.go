package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// product builds the program as it is released, for tests that start it so often
// that the race detector's start-up would be all they do.
func product(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("AWF_TEST_BINARY"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "awf-cred")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

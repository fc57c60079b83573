//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const nobody = 65534

// asNobody makes a program of ours, not yet started, run as a user without rights:
// in a directory and from a copy that this user can reach, which those of the tests
// are not. Only root can.
func asNobody(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	dir := openDir(t)
	data, err := os.ReadFile(cmd.Path)
	require.NoError(t, err)
	cmd.Path, cmd.Dir = filepath.Join(dir, "awf-cred"), dir
	require.NoError(t, os.WriteFile(cmd.Path, data, 0o755))
	cmd.Env = append(cmd.Env, "HOME="+dir, "XDG_CONFIG_HOME=", "XDG_CACHE_HOME=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}

// openDir is a directory that every user can look into, unlike t.TempDir.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "awf-cred")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

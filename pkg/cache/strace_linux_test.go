package cache_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/clock"
	"github.com/awf-cred/awf-cred/pkg/cache"
)

// injected runs a helper with a fault in the Nth call of a system call. hit is
// false when there were fewer calls: the helper then ran to its end.
func injected(t *testing.T, call, fault string, n any, args ...string) (out string, hit bool, err error) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "trace")
	strace := append([]string{"-f", "-qq", "-o", log, "-e", "trace=" + call,
		"-e", fmt.Sprintf("inject=%s:%s:when=%v", call, fault, n), os.Args[0]}, args...)
	got, err := helper(t, "strace", strace...).CombinedOutput()
	trace, readErr := os.ReadFile(log)
	require.NoError(t, readErr)
	return string(got), strings.Contains(string(trace), "INJECTED") || strings.Contains(string(trace), "killed by SIGKILL"), err
}

func needStrace(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("strace", "-qq", "-e", "trace=none", "true").CombinedOutput(); err != nil {
		t.Skipf("needs strace and the right to trace: %v %s", err, out)
	}
}

// lastCall bounds the search for the helper's last call.
const lastCall = 60

func prepared(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "c")
	out, err := self(t, "put", dir, "old").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return dir
}

func TestADeathAtAnyCallLeavesAWholeEntry(t *testing.T) {
	t.Parallel()
	needStrace(t)
	for _, call := range []string{"write", "fsync", "renameat", "fchmod", "unlinkat", "flock"} {
		t.Run("F069: "+call, func(t *testing.T) {
			t.Parallel()
			dir := prepared(t)
			hits := 0
			for n := 1; n <= lastCall; n++ {
				_, hit, _ := injected(t, call, "signal=KILL", n, "put", dir, fmt.Sprintf("new-%d", n))
				if !hit {
					break
				}
				hits++
				out, err := self(t, "get", dir).CombinedOutput()
				require.NoError(t, err, "%s", out)
				require.Regexp(t, "^(old|new-[0-9]+)\n$", string(out), "call %d", n)
				out, err = self(t, "lock", dir).CombinedOutput()
				require.NoError(t, err, "the lock is free: %s", out)
				out, err = self(t, "put", dir, "old").CombinedOutput()
				require.NoError(t, err, "%s", out)
				temps, err := filepath.Glob(filepath.Join(dir, ".*"))
				require.NoError(t, err)
				require.Empty(t, temps, "the next writer sweeps")
			}
			assert.Positive(t, hits)
		})
	}
}

func TestAnErrorAtAnyCallLeavesTheOldEntry(t *testing.T) {
	t.Parallel()
	needStrace(t)
	for _, call := range []string{"write", "fsync", "renameat", "fchmod"} {
		for _, errno := range []string{"ENOSPC", "EROFS", "EACCES", "EPERM", "EIO", "EDQUOT"} {
			t.Run(fmt.Sprintf("F066, F067: %s in %s", errno, call), func(t *testing.T) {
				t.Parallel()
				dir := prepared(t)
				out, hit, err := injected(t, call, "error="+errno, "1+", "put", dir, "new")
				require.True(t, hit)
				require.Error(t, err, out)
				if call != "write" { // else the message could not be written either
					assert.Contains(t, out, dir)
				}
				got, err := self(t, "get", dir).CombinedOutput()
				require.NoError(t, err)
				assert.Equal(t, "old\n", string(got))
				temps, err := filepath.Glob(filepath.Join(dir, ".*"))
				require.NoError(t, err)
				assert.Empty(t, temps, "no temporary file is left")
			})
		}
	}
}

func TestASignalInAnyCallDoesNotMatter(t *testing.T) {
	t.Parallel()
	needStrace(t)
	for _, call := range []string{"openat", "write", "fsync", "renameat", "fchmod", "fstat", "newfstatat", "unlinkat", "flock"} {
		t.Run("F068: EINTR in "+call, func(t *testing.T) {
			t.Parallel()
			dir := prepared(t)
			for n := 1; n <= lastCall; n += 3 {
				out, hit, err := injected(t, call, "error=EINTR", n, "put", dir, "new")
				if !hit {
					break
				}
				if strings.Contains(out, "error while loading") || call == "write" && out == "" {
					continue // it was the loader's call, or the helper's own output
				}
				require.NoError(t, err, out)
				require.Equal(t, "put\n", out)
			}
		})
	}
}

func TestLocksThatDoNotWorkAreSaidSo(t *testing.T) {
	t.Parallel()
	needStrace(t)
	for _, errno := range []string{"ENOLCK", "EOPNOTSUPP", "EIO"} {
		t.Run("F086: "+errno, func(t *testing.T) {
			t.Parallel()
			dir := prepared(t)
			out, hit, err := injected(t, "flock", "error="+errno, "1+", "lock", dir)
			require.True(t, hit)
			require.Error(t, err)
			assert.Regexp(t, `^lock .*\.lock: `, out)
			assert.NotContains(t, out, "another process")
		})
	}
}

// F070: what a power cut may lose is the new name, never the content behind it.
func TestTheFileIsSyncedBeforeItsNameAndTheDirectoryAfter(t *testing.T) {
	t.Parallel()
	needStrace(t)
	dir := filepath.Join(t.TempDir(), "c")
	_, err := cache.Open(cache.Options{Dir: dir, Clock: clock.System{}})
	require.NoError(t, err)
	log := filepath.Join(t.TempDir(), "trace")
	out, err := helper(t, "strace", "-f", "-y", "-qq", "-o", log, "-e", "trace=fsync,renameat", os.Args[0], "put", dir, "t").CombinedOutput()
	require.NoError(t, err, "%s", out)
	trace, err := os.ReadFile(log)
	require.NoError(t, err)
	var order []string
	for line := range strings.Lines(string(trace)) {
		switch {
		case strings.Contains(line, "fsync(") && strings.Contains(line, ".tmp>"):
			order = append(order, "sync file")
		case strings.Contains(line, "renameat("):
			order = append(order, "rename")
		case strings.Contains(line, "fsync(") && strings.Contains(line, dir+">"):
			order = append(order, "sync directory")
		}
	}
	assert.Equal(t, []string{"sync file", "rename", "sync directory"}, order)
}

//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// program is one run of awf-cred in a home of its own.
func program(t *testing.T, sb *sandbox.Sandbox, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "awf-cred", args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "XDG_CACHE_HOME="+cmd.Dir, "XDG_CONFIG_HOME="+cmd.Dir)
	cmd.Env = append(append(cmd.Env, sb.GitHubEnv()...), sb.AnthropicEnv()...)
	return cmd
}

func statusOf(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err == nil {
		return 0
	}
	require.ErrorAs(t, err, &exit)
	require.True(t, exit.Exited(), "it ends itself, no signal ends it: %v", exit)
	return exit.ExitCode()
}

// F150, F155: at whatever stage, a signal ends the program at once, with its
// status, and nothing is on standard output.
func TestSignalsEndIt(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		signal syscall.Signal
		status int
	}{
		{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}, {syscall.SIGQUIT, 131},
	} {
		for _, stage := range []sandbox.Endpoint{sandbox.Mint, sandbox.AnthropicToken} {
			t.Run(row.signal.String()+" during "+string(stage), func(t *testing.T) {
				t.Parallel()
				sb := sandbox.Start(t)
				gate := sb.Barrier(stage, 1)
				t.Cleanup(gate.Open)
				cmd := program(t, sb, "token")
				var stdout, stderr bytes.Buffer
				cmd.Stdout, cmd.Stderr = &stdout, &stderr
				require.NoError(t, cmd.Start())
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				require.NoError(t, gate.Wait(ctx, 1))

				sent := time.Now()
				require.NoError(t, cmd.Process.Signal(row.signal))
				assert.Equal(t, row.status, statusOf(t, cmd.Wait()))
				assert.Less(t, time.Since(sent), 5*time.Second, "within a moment; the machine may be busy")
				assert.Empty(t, stdout.String())
				assert.NotContains(t, stderr.String(), "goroutine")
				assert.NotContains(t, stderr.String(), "eyJ")

				// The lock is free and the next run gets a token.
				gate.Open()
				next := program(t, sb, "token")
				next.Dir, next.Env = cmd.Dir, cmd.Env
				out, err := next.Output()
				require.NoError(t, err)
				assert.True(t, strings.HasPrefix(string(out), "sk-ant-oat01-"))
			})
		}
	}
}

// F090: a waiter for the lock ends as quickly, and the holder goes on.
func TestASignalEndsAWaiterForTheLock(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	gate := sb.Barrier(sandbox.AnthropicToken, 1)
	holder := program(t, sb, "token")
	var token bytes.Buffer
	holder.Stdout = &token
	require.NoError(t, holder.Start())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, gate.Wait(ctx, 1))

	waiter := program(t, sb, "token", "--verbose")
	waiter.Env = append(waiter.Env, "HOME="+holder.Dir, "XDG_CACHE_HOME="+holder.Dir)
	var stdout bytes.Buffer
	waiter.Stdout = &stdout
	require.NoError(t, waiter.Start())
	require.Eventually(t, func() bool { return opens(waiter.Process.Pid, ".lock") }, 20*time.Second, 5*time.Millisecond)
	require.NoError(t, waiter.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, 143, statusOf(t, waiter.Wait()))
	assert.Empty(t, stdout.String())

	gate.Open()
	require.NoError(t, holder.Wait())
	assert.True(t, strings.HasPrefix(token.String(), "sk-ant-oat01-"))
	assert.Equal(t, 1, sb.Counts().Exchanges)
}

// opens reports whether a process has a file open whose name ends so.
func opens(pid int, suffix string) bool {
	links, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "fd", "*"))
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasSuffix(target, suffix) {
			return true
		}
	}
	return false
}

// F151: a reader of standard output that has gone is status 141 and no text; the
// credential is kept.
func TestAReaderThatHasGone(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	cmd := program(t, sb, "token", "--quiet")
	cmd.Stdout = w
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err = cmd.Run()
	require.NoError(t, w.Close())
	assert.Equal(t, 141, statusOf(t, err))
	assert.Empty(t, stderr.String())

	next := program(t, sb, "token")
	next.Dir, next.Env = cmd.Dir, cmd.Env
	out, err := next.Output()
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(out), "sk-ant-oat01-"))
	assert.Equal(t, 1, sb.Counts().Exchanges, "the one that was not delivered was kept")
}

// F155, S11: it leaves no core file behind.
func TestNoCoreFile(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	gate := sb.Barrier(sandbox.Mint, 1)
	t.Cleanup(gate.Open)
	cmd := program(t, sb, "token")
	require.NoError(t, cmd.Start())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, gate.Wait(ctx, 1))
	limits, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "limits"))
	if err != nil {
		t.Skip("no /proc here")
	}
	assert.Regexp(t, `Max core file size +0 `, string(limits))
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
}

// Ten processes at once share one exchange.
func TestProcessesShareOneExchange(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	const n = 10
	first := program(t, sb, "token")
	outs := make([]*bytes.Buffer, n)
	cmds := make([]*exec.Cmd, n)
	for i := range cmds {
		cmds[i], outs[i] = program(t, sb, "token"), &bytes.Buffer{}
		cmds[i].Env, cmds[i].Stdout, cmds[i].Stderr = first.Env, outs[i], io.Discard
		require.NoError(t, cmds[i].Start())
	}
	for _, cmd := range cmds {
		require.NoError(t, cmd.Wait())
	}
	for _, out := range outs {
		assert.Equal(t, outs[0].String(), out.String())
	}
	c := sb.Counts()
	assert.Equal(t, []int{1, 1, 0}, []int{c.Mints, c.Exchanges, c.Replays})
}

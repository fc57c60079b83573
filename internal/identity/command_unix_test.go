//go:build unix

package identity_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/identity"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// shell is a source that runs a script; TOKEN holds a good token, DIR a folder.
func shell(t *testing.T, script, dir string, over ...func(*identity.Options)) tokensource.Identity {
	t.Helper()
	o := identity.Options{
		Identity: config.Identity{Type: config.Command, Argv: []string{"/bin/sh", "-c", script}, Timeout: time.Minute, KeyEnv: config.DefaultKeyEnv()},
		Env:      []string{"TOKEN=" + jwt(nil), "DIR=" + dir, "PATH=/usr/bin:/bin"},
	}
	for _, f := range over {
		f(&o)
	}
	return source(t, o)
}

func timeout(d time.Duration) func(*identity.Options) {
	return func(o *identity.Options) { o.Identity.Timeout = d }
}

// F033, T46: what goes wrong with a command, and what is left of it: nothing.
func TestACommandThatFails(t *testing.T) {
	t.Parallel()
	short := timeout(300 * time.Millisecond)
	for _, tt := range []struct {
		name   string
		script string
		over   func(*identity.Options)
		want   []string
	}{
		{"exits with 1 and says why", "echo 'no such job' >&2; exit 1", nil, []string{"/bin/sh failed: exit status 1; it said: no such job"}},
		{"ends by a signal", "kill -9 $$", nil, []string{"failed: signal: killed"}},
		{"prints nothing", "true", nil, []string{"printed nothing"}},
		{"prints no token", "echo hello", nil, []string{"printed something that holds no usable token: token: is not a JWT"}},
		{"prints two tokens", "echo $TOKEN; echo $TOKEN", nil, []string{"holds more than one line"}},
		{"prints 1 GiB", "head -c 1073741824 /dev/zero", nil, []string{"printed more than 64 KiB"}},
		{"prints without end", "echo $$ >$DIR/pid; while :; do echo $TOKEN; done", nil, []string{"printed more than 64 KiB"}},
		{"prints 64 KiB and a byte", "head -c 65537 /dev/zero", nil, []string{"printed more than 64 KiB"}},
		{"hangs", "echo $$ >$DIR/pid; sleep 1000", short, []string{"did not end within 300ms and was killed"}},
		{"prints, then hangs", "echo $$ >$DIR/pid; echo $TOKEN; sleep 1000", short, []string{"did not end within 300ms"}},
		{"ignores SIGTERM", "trap '' TERM INT HUP; echo $$ >$DIR/pid; while :; do sleep 1000; done", short, []string{"was killed"}},
		{"closes its output and hangs", "echo $$ >$DIR/pid; exec >&- 2>&-; sleep 1000", short, []string{"did not end within"}},
		{"writes secrets to its standard error", "echo \"token $TOKEN and Bearer abcdefghijklmnop\" >&2; echo $TOKEN; exit 3", nil, []string{"exit status 3; it said: token (redacted)"}},
		{"writes terminal commands to its standard error", "printf '\\033[31mred\\n::set-env name=x::y\\n' >&2; exit 1", nil, []string{`\x1b[31mred\n::set-env`}},
		{"writes much to its standard error", "head -c 10000000 /dev/zero | tr '\\0' x >&2; exit 1", nil, []string{"it said: xxx"}},
		{"prints an old token", "echo " + jwt(claims{"exp": minutes(-5)}), nil, []string{"exp: the token expired "}},
		{"is not there", "", func(o *identity.Options) { o.Identity.Argv = []string{"/nonexistent/program"} }, []string{"/nonexistent/program does not exist"}},
		{"is in no folder of PATH", "", func(o *identity.Options) { o.Identity.Argv = []string{"no-such-program"} }, []string{"no-such-program was not found in the absolute entries of PATH"}},
		{"is relative", "", func(o *identity.Options) { o.Identity.Argv = []string{"./helper"} }, []string{"./helper is relative to the working directory"}},
		{"is not executable", "", func(o *identity.Options) { o.Identity.Argv = []string{"/etc/passwd"} }, []string{"/etc/passwd is not executable"}},
		{"is a directory", "", func(o *identity.Options) { o.Identity.Argv = []string{"/tmp"} }, []string{"/tmp is not executable"}},
		{"is no program", "", func(o *identity.Options) { o.Identity.Argv = []string{garbage(t)} }, []string{"could not be started: exec format error"}},
		{"is not named", "", func(o *identity.Options) { o.Identity.Argv = nil }, []string{"no program is named"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var over []func(*identity.Options)
			if tt.over != nil {
				over = append(over, tt.over)
			}
			e := refused(t, shell(t, tt.script, dir, over...))
			for _, want := range tt.want {
				assert.Contains(t, e.Error(), want)
			}
			assert.NotContains(t, e.Error(), "abcdefghijklmnop")
			assert.NotContains(t, e.Error(), "\x1b")
			assert.Less(t, len(e.Error()), 1000)
			gone(t, filepath.Join(dir, "pid"))
		})
	}
}

func garbage(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "garbage")
	syscall.ForkLock.RLock() // a child forked now would keep the file open for writing
	defer syscall.ForkLock.RUnlock()
	require.NoError(t, os.WriteFile(path, []byte("\x00\x01\x02"), 0o700))
	return path
}

// gone waits until the process whose id is in the file, if there is one, has ended.
func gone(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		return
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return unix.Kill(pid, 0) == unix.ESRCH || zombie(pid) }, 20*time.Second, 10*time.Millisecond, "process %d is still there", pid)
}

// zombie reports whether a process has ended and only waits to be collected, by
// an init that a container may lack.
func zombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, after, ok := strings.Cut(string(stat), ") ")
	return err == nil && ok && strings.HasPrefix(after, "Z")
}

func TestACommandThatWorks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, script string }{
		{"prints a token", "echo $TOKEN"},
		{"prints a token without line end", "printf %s $TOKEN"},
		{"prints with a line end of Windows", "printf '%s\\r\\n' $TOKEN"},
		{"reads its standard input, which is empty", "cat; echo $TOKEN"},
		{"leaves a grandchild on the pipe", "sleep 1000 & echo $! >$DIR/pid; echo $TOKEN"},
		{"leaves a grandchild that ignores signals", "(trap '' TERM HUP; sleep 1000) & echo $! >$DIR/pid; echo $TOKEN"},
		{"prints through a child that ends last", "(echo $TOKEN)"},
		{"writes much to its standard error", "head -c 10000000 /dev/zero >&2; echo $TOKEN"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			a, err := shell(t, tt.script, dir).Assertion(t.Context(), "")
			require.NoError(t, err)
			assert.Equal(t, "job:1", a.Subject)
			gone(t, filepath.Join(dir, "pid"))
		})
	}
}

// T46: a daemon that left the group and holds our pipe does not hold us.
func TestADaemonOnThePipeIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/usr/bin/setsid"); err != nil {
		t.Skip("no setsid here")
	}
	dir := t.TempDir()
	big := jwt(claims{"pad": strings.Repeat("x", 9000)}) // more than one read of the pipe
	s := shell(t, "setsid sh -c 'echo $$ >$DIR/pid; exec sleep 1000' & while ! [ -s $DIR/pid ]; do :; done; echo $BIG", dir,
		func(o *identity.Options) { o.Env = append(o.Env, "BIG="+big) })
	a, err := s.Assertion(t.Context(), "")
	require.NoError(t, err)
	assert.Equal(t, big, a.Token.Reveal())
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	require.NoError(t, unix.Kill(pid, 0), "the test must have had a daemon")
	require.NoError(t, unix.Kill(pid, unix.SIGKILL))
}

func TestAnEndedContextEndsTheCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	s := shell(t, "echo $$ >$DIR/pid; sleep 1000", dir)
	done := make(chan error, 1)
	go func() { _, err := s.Assertion(ctx, ""); done <- err }()
	require.Eventually(t, func() bool { b, err := os.ReadFile(filepath.Join(dir, "pid")); return err == nil && len(b) > 0 }, 20*time.Second, time.Millisecond)
	cancel()
	err := <-done
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, exchange.Identity)
	gone(t, filepath.Join(dir, "pid"))

	_, err = s.Assertion(ctx, "")
	require.ErrorIs(t, err, context.Canceled)
}

// T18: a program comes from an absolute entry of PATH, never from elsewhere.
func TestAProgramIsNeverTakenFromTheWorkingDirectory(t *testing.T) {
	dir := t.TempDir()
	mark := filepath.Join(dir, "mark")
	fake := func(path string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n: >"+mark+"\necho $TOKEN\n"), 0o700))
	}
	fake(filepath.Join(dir, "cwd", "helper"))
	fake(filepath.Join(dir, "cwd", "bin", "helper"))
	t.Chdir(filepath.Join(dir, "cwd"))
	run := func(path string) error {
		s := source(t, identity.Options{Identity: config.Identity{Type: config.Command, Argv: []string{"helper"}, Timeout: time.Minute}, Env: []string{"PATH=" + path, "TOKEN=" + jwt(nil)}})
		_, err := s.Assertion(t.Context(), "")
		return err
	}
	for _, path := range []string{"", ":", ".", "./", "bin", "./bin:", ":/usr/bin:/bin", "::", "../cwd"} {
		err := run(path)
		require.ErrorIs(t, err, exchange.Identity, path)
		assert.Contains(t, err.Error(), "was not found")
		assert.NoFileExists(t, mark)
	}
	good := filepath.Join(dir, "good")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "folder", "helper"), 0o700))
	fake(filepath.Join(good, "helper"))
	require.NoError(t, run(".:/nonexistent:"+filepath.Join(dir, "folder")+":"+good))
	assert.FileExists(t, mark)

	require.NoError(t, os.Chmod(filepath.Join(good, "helper"), 0o600))
	err := run(good)
	require.ErrorIs(t, err, exchange.Identity)
	assert.Contains(t, err.Error(), "helper is not executable")
}

func TestThereIsNoShellBetween(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := source(t, identity.Options{
		Identity: config.Identity{Type: config.Command, Timeout: time.Minute, Argv: []string{"/bin/sh", "-c", `printf '%s|' "$@" >"$DIR/args"; echo "$TOKEN"`, "name", "a b", "$(id)", "`id`", "", "*", "x;y"}},
		Env:      []string{"TOKEN=" + jwt(nil), "DIR=" + dir, "PATH=/usr/bin:/bin"},
	})
	_, err := s.Assertion(t.Context(), "")
	require.NoError(t, err)
	args, err := os.ReadFile(filepath.Join(dir, "args"))
	require.NoError(t, err)
	assert.Equal(t, "a b|$(id)|`id`||*|x;y|", string(args))
}

func TestTheCommandRunsInAGroupOfItsOwnForEveryToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := shell(t, "ps -o pgid= -p $$ >>$DIR/groups 2>/dev/null || cut -d' ' -f5 /proc/$$/stat >>$DIR/groups; echo $TOKEN", dir)
	for range 2 {
		_, err := s.Assertion(t.Context(), "")
		require.NoError(t, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "groups"))
	require.NoError(t, err)
	groups := strings.Fields(string(text))
	require.Len(t, groups, 2)
	assert.NotEqual(t, strconv.Itoa(unix.Getpgrp()), groups[0])
	assert.NotEqual(t, groups[0], groups[1])
}

func TestACommandsFingerprintDoesNotRunIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fingerprint := func(over ...func(*identity.Options)) string {
		f, err := shell(t, "touch $DIR/ran; echo $TOKEN", dir, over...).Fingerprint(t.Context())
		require.NoError(t, err)
		require.Len(t, f, 64)
		return f
	}
	env := func(pairs ...string) func(*identity.Options) {
		return func(o *identity.Options) { o.Env = append(o.Env, pairs...) }
	}
	one := fingerprint()
	assert.Equal(t, one, fingerprint(env("OTHER=1")))
	seen := map[string]bool{one: true}
	for name, over := range map[string]func(*identity.Options){
		"another job": env("GITHUB_RUN_ID=1"), "another attempt": env("GITHUB_RUN_ATTEMPT=1"), "GitLab": env("CI_JOB_ID=1"), "Buildkite": env("BUILDKITE_JOB_ID=1"),
		"another argument": func(o *identity.Options) { o.Identity.Argv = append(o.Identity.Argv, "x") },
		"other variables":  func(o *identity.Options) { o.Identity.KeyEnv = []string{"TOKEN"} },
	} {
		f := fingerprint(over)
		assert.False(t, seen[f], name)
		seen[f] = true
	}
	assert.NoFileExists(t, filepath.Join(dir, "ran"))
}

func TestWhatAWorkingCommandSaysIsLoggedScrubbed(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := shell(t, "echo \"using $TOKEN\" >&2; echo $TOKEN", t.TempDir(), func(o *identity.Options) {
		o.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	})
	_, err := s.Assertion(t.Context(), "")
	require.NoError(t, err)
	assert.Contains(t, log.String(), `"level":"INFO"`)
	assert.Contains(t, log.String(), `"stderr":"using (redacted)"`)
	assert.NotContains(t, log.String(), signature)
}

func TestACommandWithoutATimeoutGetsTenSeconds(t *testing.T) {
	t.Parallel()
	s := shell(t, "sleep 1000", t.TempDir(), timeout(0), func(o *identity.Options) { o.Clock = waiting{do: func() {}} })
	assert.Contains(t, refused(t, s).Error(), "did not end within 10s")
}

//go:build unix

package child_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/awf-cred/awf-cred/internal/child"
)

// standIn makes this binary the program that stands in for another one.
const standIn = "CHILD_TEST_STAND_IN"

func TestMain(m *testing.M) {
	if os.Getenv(standIn) == "" {
		os.Exit(m.Run())
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, child.Forwarded()...)
	path, err := child.Look(os.Args[1], os.Getenv("PATH"))
	if err != nil {
		fmt.Println(err)
		os.Exit(125)
	}
	status, err := child.Run(context.Background(), child.Program{Path: path, Args: os.Args[1:], Env: os.Environ(),
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Signals: signals})
	fmt.Println("status", status, err)
}

// stand is a process that runs argv through Run.
func stand(argv ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], argv...)
	cmd.Env = append(os.Environ(), standIn+"=1", "n=0")
	return cmd
}

func run(t *testing.T, argv ...string) (int, error) {
	t.Helper()
	path, err := child.Look(argv[0], os.Getenv("PATH"))
	require.NoError(t, err)
	return child.Run(t.Context(), child.Program{Path: path, Args: argv, Env: os.Environ()})
}

func TestTheStatusIsPassedOn(t *testing.T) {
	t.Parallel()
	for status := range 256 {
		if status%16 != 0 && status < 250 && status > 3 {
			continue // each start costs: a sample
		}
		got, err := run(t, "sh", "-c", "exit "+strconv.Itoa(status))
		require.NoError(t, err)
		assert.Equal(t, status, got)
	}
	for _, s := range []syscall.Signal{unix.SIGTERM, unix.SIGKILL, unix.SIGHUP, unix.SIGSEGV} {
		got, err := run(t, "sh", "-c", fmt.Sprintf("kill -%d $$", int(s)))
		require.NoError(t, err)
		assert.Equal(t, 128+int(s), got, "128 plus the signal's number")
	}
}

func TestLook(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "plain"), []byte("#!/bin/sh\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "good"), []byte("#!/bin/sh\n"), 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	for _, tc := range []struct {
		name, program, path, want string
		status                    int
	}{
		{"F159: a name that is nowhere is 127", "no-such-program", dir, "", 127},
		{"a path that is nowhere is 127", dir + "/no-such-program", dir, "", 127},
		{"a file without the mode is 126", "plain", dir, "", 126},
		{"a path without the mode is 126", dir + "/plain", "", "", 126},
		{"a directory is 126", dir, "", "", 126},
		{"a directory in PATH is 126", "folder", dir, "", 126},
		{"a later entry of PATH is found", "good", "/nowhere:" + dir, dir + "/good", 0},
		{"T18: relative entries of PATH are passed over", "run_unix_test.go", ".::testdata", "", 127},
		{"an empty name is 127", "", dir, "", 127},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := child.Look(tc.program, tc.path)
			assert.Equal(t, tc.want, got)
			if tc.status == 0 {
				require.NoError(t, err)
				return
			}
			e := &child.StartError{}
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tc.status, e.Status)
		})
	}
}

func TestAFileThatIsNoProgramIs126(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(file, []byte("\x00\x01\x02"), 0o755))
	_, err := run(t, file)
	e := &child.StartError{}
	require.ErrorAs(t, err, &e)
	assert.Equal(t, child.CannotRun, e.Status)
}

func TestSignalsAreForwardedOnce(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGUSR1, unix.SIGWINCH, unix.SIGQUIT} {
		t.Run(unix.SignalName(s), func(t *testing.T) {
			t.Parallel()
			if signal.Ignored(s) {
				t.Skip("ignored since before we began (nohup, a background job): no shell can trap it")
			}
			name := strings.TrimPrefix(unix.SignalName(s), "SIG")
			cmd := stand("sh", "-c", `trap 'n=$((n+1))' `+name+`; echo ready; while [ $n -lt 1 ]; do sleep 0.05; done; sleep 0.2; echo got $n; exit 9`)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			lines := bufio.NewScanner(out)
			require.True(t, lines.Scan())
			require.Equal(t, "ready", lines.Text())
			require.NoError(t, cmd.Process.Signal(s))
			rest := ""
			for lines.Scan() {
				rest += lines.Text() + "\n"
			}
			require.NoError(t, cmd.Wait())
			assert.Equal(t, "got 1\nstatus 9 <nil>\n", rest)
		})
	}
}

func TestTheProgramHasNoDescriptorOfOurs(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("no /proc")
	}
	file, err := os.Open(os.Args[0])
	require.NoError(t, err)
	defer file.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	path, err := child.Look("sleep", os.Getenv("PATH"))
	require.NoError(t, err)
	open := map[int]string{}
	_, err = child.Run(ctx, child.Program{Path: path, Args: []string{"sleep", "60"}, Started: func(pid int) {
		dir := fmt.Sprintf("/proc/%d/fd", pid)
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			n, _ := strconv.Atoi(e.Name())
			if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
				open[n] = target
			}
		}
		cancel()
	}})
	require.NoError(t, err)
	require.NotEmpty(t, open)
	for n, target := range open {
		flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
		given := err == nil && flags&unix.FD_CLOEXEC == 0                 // our caller's, which passes
		library := strings.HasPrefix(target, "/") && target != os.Args[0] // the loader may be at work
		assert.True(t, n < 3 || given || library, "descriptor %d is open in the program: %s", n, target)
	}
}

func TestGrandchildrenDoNotHoldUsUp(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	path, err := child.Look("sh", os.Getenv("PATH"))
	require.NoError(t, err)
	start := time.Now()
	status, err := child.Run(t.Context(), child.Program{Path: path, Args: []string{"sh", "-c", "sleep 30 & echo done; exit 3"}, Out: &out})
	require.NoError(t, err)
	assert.Equal(t, 3, status)
	assert.Equal(t, "done\n", out.String())
	assert.Less(t, time.Since(start), 20*time.Second)
}

func TestTheEndOfTheContextEndsTheProgram(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	path, err := child.Look("sleep", os.Getenv("PATH"))
	require.NoError(t, err)
	status, err := child.Run(ctx, child.Program{Path: path, Args: []string{"sleep", "60"}, Started: func(int) { cancel() }})
	require.NoError(t, err)
	assert.Equal(t, 128+int(unix.SIGTERM), status)
}

func TestTheProgramEndsWithUs(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("Linux only")
	}
	// F160: we are killed; the program gets SIGTERM. Linux may send it once for each
	// of our threads that ends while another is still there.
	cmd := stand("sh", "-c", `trap 'trap "" TERM; echo term; exit' TERM; echo ready; while :; do sleep 0.05; done`)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	require.NoError(t, cmd.Process.Kill())
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	assert.Equal(t, "term\n", string(rest))
	require.Error(t, cmd.Wait())
}

func TestStandardInputIsTheProgramsOwn(t *testing.T) {
	t.Parallel()
	cmd := stand("sh", "-c", "read a; echo \"<$a>\"; exec <&-; exit 4")
	cmd.Stdin = strings.NewReader("line\n")
	out, err := cmd.Output()
	require.NoError(t, err)
	assert.Equal(t, "<line>\nstatus 4 <nil>\n", string(out))
}

func TestStartErrorSaysWhat(t *testing.T) {
	t.Parallel()
	_, err := child.Look("no-such-program", "")
	require.EqualError(t, err, `"no-such-program": command not found`)
	require.Error(t, errors.Unwrap(err))
}

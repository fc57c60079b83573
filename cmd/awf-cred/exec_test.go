//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// question asks the Messages API with bash alone: a request over /dev/tcp.
const question = `
ask() {
  hostport=${ANTHROPIC_BASE_URL#http://}
  exec 9<>/dev/tcp/${hostport%:*}/${hostport#*:} || return 9
  body='{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
  printf 'POST /v1/messages HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' "$hostport" "$ANTHROPIC_AUTH_TOKEN" ${#body} "$body" >&9
  cat <&9
}
`

// execProgram is `awf-cred exec` of a bash script.
func execProgram(t *testing.T, sb *sandbox.Sandbox, script string, flags ...string) *exec.Cmd {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	args := append(append([]string{"exec", "--upstream", sb.URL(sandbox.HostAnthropic)}, flags...), "--", bash, "-c", question+script)
	return program(t, sb, args...)
}

// outcome runs a program to its end.
func outcome(t *testing.T, cmd *exec.Cmd) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	return statusOf(t, cmd.Run()), out.String(), err.String()
}

func TestExecAnswersThroughTheProxy(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	status, stdout, stderr := outcome(t, execProgram(t, sb, "ask; exit 3"))
	assert.Equal(t, 3, status, stderr)
	assert.Contains(t, stdout, "HTTP/1.1 200 OK")
	assert.Contains(t, stdout, "Hello, world")
	assert.Equal(t, 1, sb.Counts().APIAccepted)
}

// S08, T05, T06: neither its environment nor its descriptors nor a file gives the
// program a credential.
func TestTheProgramHoldsNoCredential(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	cmd := execProgram(t, sb, "env; echo; ls -l /proc/$$/fd | tail -n +2; ask >/dev/null")
	canaries := map[string]string{
		"ANTHROPIC_API_KEY": "sk-ant-api03-canary", "AWS_SECRET_ACCESS_KEY": "canary-aws", "OPENAI_API_KEY": "canary-openai",
		"GEMINI_API_KEY": "canary-gemini", "SOME_IDENTITY_TOKEN": "canary-identity", "CLAUDE_CODE_OAUTH_TOKEN": "canary-claude",
		"ACTIONS_RUNTIME_TOKEN": "canary-runtime",
	}
	for name, value := range canaries {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Env = append(cmd.Env, "GITHUB_TOKEN=ghs_stays", "NO_PROXY=corp.test")
	status, stdout, stderr := outcome(t, cmd)
	require.Equal(t, 0, status, stderr)
	for name, value := range canaries {
		assert.NotContains(t, stdout, value, name)
	}
	for _, entry := range append(sb.GitHubEnv(), sb.AnthropicEnv()...) {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "ACTIONS_ID") || strings.HasPrefix(name, "AWF_AUTH") {
			assert.NotContains(t, stdout, name+"=")
		}
	}
	assert.NotContains(t, stdout, "sk-ant-oat01-")
	assert.Contains(t, stdout, "GITHUB_TOKEN=ghs_stays")
	assert.Regexp(t, `(?m)^NO_PROXY=corp.test,127.0.0.1,localhost,::1$`, stdout)
	assert.Regexp(t, `(?m)^no_proxy=corp.test,127.0.0.1,localhost,::1$`, stdout)
	key := regexp.MustCompile(`(?m)^ANTHROPIC_AUTH_TOKEN=(.*)$`).FindStringSubmatch(stdout)
	require.Len(t, key, 2)
	assert.GreaterOrEqual(t, len(key[1]), 22, "at least 128 bits")

	require.NoError(t, filepath.WalkDir(cmd.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		assert.NotContains(t, string(data), "sk-ant-oat01-", path)
		return err
	}))
}

// T04: the program cannot look into our process, though both are of one user, who is
// not root: root sees everything.
func TestOurProcessIsClosedToTheProgram(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Skip("no /proc")
	}
	sb := sandbox.Start(t)
	cmd := execProgram(t, sb, `
		head -c 1 /proc/$$/environ >/dev/null && echo "its own"
		for what in environ mem maps; do head -c 1 /proc/$PPID/$what >/dev/null 2>&1 && echo "read $what"; done
		ls /proc/$PPID/fd >/dev/null 2>&1 && echo "read fd"
		echo done`)
	if os.Geteuid() == 0 {
		asNobody(t, cmd)
	}
	status, stdout, stderr := outcome(t, cmd)
	require.Equal(t, 0, status, stderr)
	assert.Equal(t, "its own\ndone\n", stdout)
}

func TestStatusOfExec(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	for _, row := range []struct {
		name, script string
		status       int
	}{
		{"its own", "exit 77", 77},
		{"128 plus a signal", "kill -TERM $$", 143},
		{"killed", "kill -KILL $$", 137},
		{"125 of its own passes too", "exit 125", 125},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			status, _, stderr := outcome(t, execProgram(t, sb, row.script))
			assert.Equal(t, row.status, status)
			assert.NotContains(t, stderr, "(internal")
		})
	}
}

// F159, F161: what fails before the program starts is 125 with its class, 126 or
// 127; the program is looked for before anything is spent.
func TestExecThatDoesNotStart(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		args   []string
		fault  *sandbox.Fault
		env    []string
		status int
		says   string
		mints  int
	}{
		{"not found", []string{"exec", "--", "no-such-program"}, nil, nil, 127, "command not found", 0},
		{"not executable", []string{"exec", "--", "/etc/passwd"}, nil, nil, 126, "not executable", 0},
		{"a directory", []string{"exec", "--", "/"}, nil, nil, 126, "is a directory", 0},
		{"no program", []string{"exec"}, nil, nil, 125, "(usage, exit 125)", 0},
		{"an unknown flag", []string{"exec", "--no-such-flag", "--", "true"}, nil, nil, 125, "(usage, exit 125)", 0},
		{"a configuration that cannot work", []string{"exec", "--", "true"}, nil, []string{"AWF_AUTH_ANTHROPIC_ORGANIZATION_ID=x"}, 125, "(usage, exit 125)", 0},
		{"a refused exchange", []string{"exec", "--", "touch", "started"}, fault(sandbox.Refusal(401, "invalid_grant").Always()), nil, 125, "(refused, exit 125", 1},
		{"an exchange that is not available", []string{"exec", "--timeout", "3s", "--", "touch", "started"}, fault(sandbox.Status(503).Always()), nil, 125, "(unavailable, exit 125", 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			sb := sandbox.Start(t)
			if row.fault != nil {
				sb.AddFault(sandbox.AnthropicToken, *row.fault)
			}
			cmd := program(t, sb, row.args...)
			cmd.Env = append(cmd.Env, row.env...)
			status, stdout, stderr := outcome(t, cmd)
			assert.Equal(t, row.status, status, stderr)
			assert.Contains(t, stderr, row.says)
			assert.Empty(t, stdout)
			assert.GreaterOrEqual(t, sb.Counts().Mints, row.mints)
			if row.mints == 0 {
				assert.Zero(t, sb.Counts().Mints, "nothing was spent")
			}
			_, err := os.Stat(filepath.Join(cmd.Dir, "started"))
			assert.ErrorIs(t, err, os.ErrNotExist)
		})
	}
}

func fault(f sandbox.Fault) *sandbox.Fault { return &f }

// F158: a signal to us alone reaches the program once; F157: and its status ours.
func TestSignalsReachTheProgram(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGWINCH, syscall.SIGQUIT} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			if signal.Ignored(s) {
				t.Skip("ignored since before we began (nohup, a background job): no shell can trap it")
			}
			cmd := execProgram(t, sb, fmt.Sprintf(`n=0; trap 'n=$((n+1))' %d; echo ready; while [ $n -lt 1 ]; do sleep 0.05; done; sleep 0.2; exit $((40+n))`, int(s)))
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			_, err = bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			require.NoError(t, cmd.Process.Signal(s))
			_, _ = io.Copy(io.Discard, out)
			assert.Equal(t, 41, statusOf(t, cmd.Wait()))
		})
	}
}

// F090 for exec: a signal before the program runs ends us as it would any command.
func TestASignalBeforeTheProgramRuns(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	gate := sb.Barrier(sandbox.AnthropicToken, 1)
	t.Cleanup(gate.Open)
	cmd := execProgram(t, sb, "touch started")
	require.NoError(t, cmd.Start())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, gate.Wait(ctx, 1))
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, 143, statusOf(t, cmd.Wait()))
	_, err := os.Stat(filepath.Join(cmd.Dir, "started"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// F160: when we are killed the program gets SIGTERM, and nothing answers it.
func TestTheProgramEndsWithUs(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("Linux only")
	}
	sb := sandbox.Start(t)
	cmd := execProgram(t, sb, `trap 'trap "" TERM; ask 2>/dev/null || echo refused; exit' TERM; echo ready; while :; do sleep 0.05; done`)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	_, err = lines.ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Kill())
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	assert.Equal(t, "refused\n", string(rest))
	_ = cmd.Wait()
}

// F162: a credential that cannot be renewed is a 503 to the program, not its end.
func TestACredentialThatEndsInTheMiddle(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.Rule.TokenLifetime = 60 * time.Second }))
	r, w, err := os.Pipe()
	require.NoError(t, err)
	cmd := execProgram(t, sb, "ask | head -1; read x; ask; exit 5")
	cmd.Stdin = r
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	assert.Contains(t, line, "200")
	sb.AddFault(sandbox.AnthropicToken, sandbox.Status(503).Always())
	sb.RevokeAll()
	_, err = w.WriteString("go\n")
	require.NoError(t, err)
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	assert.Contains(t, string(rest), "HTTP/1.1 401", "the upstream's answer passes while no other credential can be had")
	assert.Equal(t, 5, statusOf(t, cmd.Wait()))
	require.NoError(t, r.Close())
	require.NoError(t, w.Close())
}

// F163: many at once have ports and keys of their own; with a shared cache they
// make one exchange.
func TestManyExecAtOnce(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name      string
		flags     []string
		exchanges int
	}{{"in memory", nil, 12}, {"with the file cache", []string{"--cache", "file"}, 1}} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			sb := sandbox.Start(t)
			first := execProgram(t, sb, "true", row.flags...)
			const n = 12
			outs := make([]string, n)
			var all sync.WaitGroup
			for i := range n {
				cmd := execProgram(t, sb, `echo "$ANTHROPIC_BASE_URL $ANTHROPIC_AUTH_TOKEN"; ask >/dev/null; sleep 0.3`, row.flags...)
				cmd.Env = first.Env
				all.Go(func() {
					out, err := cmd.Output()
					assert.NoError(t, err)
					outs[i] = string(out)
				})
			}
			all.Wait()
			seen := map[string]bool{}
			for _, out := range outs {
				for _, word := range strings.Fields(out) {
					assert.False(t, seen[word], "%s twice", word)
					seen[word] = true
				}
			}
			c := sb.Counts()
			assert.Equal(t, row.exchanges, c.Exchanges)
			assert.Zero(t, c.Replays)
			assert.Equal(t, n, c.APIAccepted)
		})
	}
}

// AWF_CRED_CACHE does not count: a file would give the program the credential.
func TestTheCacheVariableDoesNotCountForExec(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	cmd := execProgram(t, sb, "true")
	cmd.Env = append(cmd.Env, "AWF_CRED_CACHE=file")
	status, _, stderr := outcome(t, cmd)
	require.Equal(t, 0, status, stderr)
	entries, _ := filepath.Glob(filepath.Join(cmd.Dir, "awf-cred", "*.json"))
	assert.Empty(t, entries)
}

func TestExecRulesOfTheProxy(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	status, stdout, stderr := outcome(t, execProgram(t, sb, `ask | head -1; unset ANTHROPIC_AUTH_TOKEN; ask | head -1`, "--allow", "GET /v1/models"))
	require.Equal(t, 0, status, stderr)
	assert.Equal(t, "HTTP/1.1 403 Forbidden\r\nHTTP/1.1 401 Unauthorized\r\n", stdout)
	assert.Zero(t, sb.Counts().APIRequests)
}

// F164: a system that has no processes left is told apart from a missing program.
func TestNoProcessLeft(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("setpriv"); err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and setpriv: root itself has no limit of processes")
	}
	sb := sandbox.Start(t)
	cmd := execProgram(t, sb, "true")
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777))
	for d := filepath.Dir(dir); d != "/"; d = filepath.Dir(d) {
		if info, err := os.Stat(d); err != nil || info.Mode().Perm()&0o005 != 0o005 {
			t.Skip("the test's folder is closed to other users")
		}
	}
	uid := strconv.Itoa(61000 + os.Getpid()%1000)
	program, err := exec.LookPath("awf-cred")
	require.NoError(t, err)
	if info, err := os.Stat(filepath.Dir(program)); err != nil || info.Mode().Perm()&0o005 != 0o005 {
		t.Skip("the program is closed to other users")
	}
	limited := exec.CommandContext(t.Context(), "setpriv", append([]string{"--reuid", uid, "--regid", uid, "--clear-groups",
		"prlimit", "--nproc=30:30", program}, cmd.Args[1:]...)...)
	limited.Dir, limited.Env = dir, append(cmd.Env, "HOME="+dir, "XDG_CACHE_HOME="+dir, "GOMAXPROCS=2")
	status, _, stderr := outcome(t, limited)
	if status == 0 {
		t.Skip("the limit did not bite")
	}
	assert.Equal(t, 125, status, stderr)
	assert.NotContains(t, stderr, "goroutine")
}

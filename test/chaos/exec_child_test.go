//go:build linux

package chaos

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// asking is a shell function that asks the Messages API by bash alone.
const asking = `
ask() {
  hostport=${ANTHROPIC_BASE_URL#http://}
  exec 9<>/dev/tcp/${hostport%:*}/${hostport#*:} || return 9
  body='{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
  printf 'POST /v1/messages HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' "$hostport" "$ANTHROPIC_AUTH_TOKEN" ${#body} "$body" >&9
  cat <&9
}
`

// executing is `awf-cred exec` of a bash script that can ask.
func (w *world) executing(script string, flags ...string) *exec.Cmd {
	return w.shell(asking+script, append([]string{"--upstream", w.sb.PlainURL(sandbox.HostAnthropic)}, flags...)...)
}

func TestF157TheStatusOfTheProgram(t *testing.T) {
	t.Parallel()
	c := row(t, "F157", "the program's status 0..255, its end by each signal, forks, closed streams, other groups")
	w := newWorld(t)
	var all sync.WaitGroup
	places := make(chan struct{}, 6)
	runs := func(name, script string, want int) {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			r := w.runCmd(w.executing(script))
			c.that(r.code == want && r.signal == 0 && clean(r.err) && countLines(r.err, "") <= 1, "%s, want %d: %v", name, want, r)
		})
	}
	for n := 0; n <= 255; n += much(1, 51) {
		runs("exit "+itoa(n), "exit "+itoa(n), n)
	}
	for _, sig := range []int{1, 2, 3, 4, 6, 8, 9, 10, 11, 12, 13, 14, 15, 31} {
		if !full && sig%3 != 0 {
			continue
		}
		runs("signal "+itoa(sig), fmt.Sprintf("exec sh -c 'ulimit -c 0; kill -%d $$; sleep 5'", sig), 128+sig)
	}
	runs("stopped and continued", `(sleep 0.3; kill -CONT $$) & kill -STOP $$; wait; exit 9`, 9)
	runs("double fork", `(setsid sleep 30 </dev/null >/dev/null 2>&1 &) ; exit 8`, 8)
	runs("streams closed", `exec <&- >&- 2>&-; exit 7`, 7)
	runs("another group", `exec 2>/dev/null; set -m; (exit 3) & wait $!; exit 6`, 6)
	runs("a grandchild asks", `(ask | head -1 | grep -q 200) || exit 1; exit 5`, 5)
	runs("its own session", `setsid bash -c 'exit 4'; exit $?`, 4)
	runs("a pipe without reader", "yes | head -1 >/dev/null; exit ${PIPESTATUS[0]}", 141)
	all.Wait()
	// What the caller ignored, the program ignores too, as without us: nohup.
	ignoring := w.under("bash", "-c", `trap '' HUP INT; exec "$0" "$@"`).executing(`kill -HUP $$; kill -INT $$; exit 3`)
	r0 := w.runCmd(ignoring)
	c.that(r0.code == 3, "HUP and INT that the caller ignores: %v", r0)
	// What the program leaves behind has no proxy any more.
	r := w.runCmd(w.executing(`(sleep 0.5; ask; echo $? >.late; mv .late late) >/dev/null 2>&1 & exit 0`))
	c.that(r.code == 0, "%v", r)
	late := filepath.Join(w.home, "late")
	require.Eventually(t, func() bool { return exists(late) }, 30*time.Second, 10*time.Millisecond)
	text, err := os.ReadFile(late)
	c.that(err == nil && strings.TrimSpace(string(text)) == "9", "what the program left is answered: %q %v", text, err)
	c.that(w.replays() == 0, "%d replays", w.replays())
}

// console is a program on a terminal of its own.
type console struct {
	t      *testing.T
	master *os.File
	said   spoken
}

func onConsole(t *testing.T, cmd *exec.Cmd) *console {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo terminals: ", err)
	}
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	require.NoError(t, cmd.Start())
	require.NoError(t, slave.Close())
	p := &console{t: t, master: master}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(&p.said, master)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
		_ = master.Close()
		<-done
	})
	return p
}

// shows waits until the terminal shows something.
func (p *console) shows(c *check, want string) bool {
	p.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !contains(p.said.String(), want) && time.Now().Before(deadline) {
		sleep(5 * time.Millisecond)
	}
	return c.that(contains(p.said.String(), want), "the terminal does not show %q: %q", want, p.said.String())
}

func (p *console) typed(s string) {
	p.t.Helper()
	_, err := p.master.WriteString(s)
	require.NoError(p.t, err)
}

func TestF158SignalsReachTheProgramOnce(t *testing.T) {
	t.Parallel()
	c := row(t, "F158", "a signal to us alone is forwarded once; INT and QUIT of the terminal are not; Ctrl-Z and fg work")
	w := newWorld(t)
	counting := `n=0; trap 'n=$((n+1))' %s; echo ready; i=0; while [ $n -lt 1 ] && [ $i -lt 400 ]; do sleep 0.05; i=$((i+1)); done; sleep 0.3; exit $((40+n))`
	var all sync.WaitGroup
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGQUIT} {
		if signal.Ignored(sig) { // since before we began (nohup, a background job): no shell can trap it
			continue
		}
		all.Go(func() {
			cmd := w.executing(fmt.Sprintf(counting, itoa(int(sig))))
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			p := w.start(cmd)
			_, _ = bufio.NewReader(out).ReadString('\n')
			_ = cmd.Process.Signal(sig)
			r := p.wait()
			c.that(r.code == 41, "%v, want 41 (forwarded once): %v", sig, r)
		})
	}
	all.Wait()
	term := onConsole(t, w.executing(`n=0; trap 'n=$((n+1)); echo INT-$n' INT; echo re""ady; i=0; while [ $n -lt 1 ] && [ $i -lt 400 ]; do sleep 0.05; i=$((i+1)); done; sleep 0.5; echo total-$n; exit 5`))
	if term.shows(c, "ready") {
		term.typed("\x03")
		term.shows(c, "total-1")
	}
	shell := exec.Command("bash", "--norc", "--noprofile", "-i")
	shell.Env, shell.Dir = append(w.env, "PS1=prompt> ", "TERM=dumb"), w.home
	term = onConsole(t, shell)
	if term.shows(c, "prompt> ") {
		term.typed(w.bin + " exec --upstream " + w.sb.PlainURL(sandbox.HostAnthropic) + ` -- sh -c 'echo re""ady; read x; echo "got $x"; exit 3'; echo "status $?"` + "\n")
		if term.shows(c, "ready") {
			term.typed("\x1a")
			term.shows(c, "Stopped")
			term.typed("fg\n")
			term.typed("hello\n")
			term.shows(c, "got hello")
		}
		term.typed("exit\n")
	}
}

func TestF159F161WhatDoesNotStart(t *testing.T) {
	t.Parallel()
	c := row(t, "F159, F161", "program not found 127, not executable or a directory 126, nothing spent; exchange refused or unavailable 125 with its class, program not started")
	w := newWorld(t)
	plain := filepath.Join(w.home, "plain")
	write(t, plain, "#!/bin/sh\n", 0o644)
	broken := filepath.Join(w.home, "broken")
	write(t, broken, "#!/no/such/interpreter\n", 0o755)
	garbage := filepath.Join(w.home, "garbage")
	write(t, garbage, "\x00\x01\x02", 0o755)
	for _, one := range []struct {
		program string
		code    int
		spends  bool
	}{{"no-such-program", 127, false}, {filepath.Join(w.home, "nothing"), 127, false}, {plain, 126, false}, {w.home, 126, false}, {"", 127, false},
		{broken, 127, true}, {garbage, 126, true}} {
		v := newWorld(t)
		r := v.run("exec", "--", one.program)
		c.that((r.code == one.code || one.spends && (r.code == 126 || r.code == 127)) && r.out == "" && clean(r.err) && r.err != "", "%q, want %d: %v", one.program, one.code, r)
		c.that(one.spends || v.mints() == 0 && v.exchanges() == 0, "%q: something is spent", one.program)
	}
	for name, one := range map[string]struct {
		fault sandbox.Fault
		says  string
	}{
		"refused":     {sandbox.Refusal(401, "invalid_grant").Always(), "refused"},
		"unavailable": {sandbox.Status(503).Always(), "unavailable"},
	} {
		v := newWorld(t)
		v.sb.AddFault(sandbox.AnthropicToken, one.fault)
		r := v.runCmd(v.executing("touch started", "--timeout", "4s"))
		c.that(r.code == 125 && r.out == "" && contains(r.err, one.says) && clean(r.err), "%s: %v", name, r)
		c.that(!exists(filepath.Join(v.home, "started")), "%s: the program was started", name)
	}
}

func TestF160WeAreKilled(t *testing.T) {
	t.Parallel()
	c := row(t, "F160", "SIGKILL of exec: the program gets SIGTERM, its requests are refused, it learns no credential")
	w := newWorld(t)
	cmd := w.executing(`trap 'trap "" TERM; ask 2>/dev/null || echo refused; env | grep -c "sk-ant-oat01\|eyJ0"; exit' TERM; echo ready; while :; do sleep 0.05; done`)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	p := w.start(cmd)
	r := bufio.NewReader(out)
	c.that(line(t, r) == "ready\n", "it does not start")
	_ = cmd.Process.Kill()
	c.that(line(t, r) == "refused\n", "its request was answered")
	c.that(line(t, r) == "0\n", "it holds a credential")
	c.that(p.wait().signal == syscall.SIGKILL, "we were killed")
}

func TestF162TheCredentialEndsInTheMiddle(t *testing.T) {
	t.Parallel()
	c := row(t, "F162", "the credential ends and cannot be renewed: 503 retryable to the program, which goes on")
	if !full {
		t.Skip("takes the life of a token: AWF_CHAOS=full")
	}
	w := newWorld(t)
	i := newIssuer(t, 12*time.Second)
	cmd := w.with(i.env()).shell(asking+`ask | head -1; read x; ask; exit 5`, "--upstream", i.URL)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	p := w.start(cmd)
	r := bufio.NewReader(out)
	c.that(contains(line(t, r), " 200 "), "the first request")
	i.set(func(i *issuer) { i.trouble = refuse(503) })
	sleep(12 * time.Second)
	_, _ = io.WriteString(in, "go\n")
	rest := make(chan string, 1)
	go func() { data, _ := io.ReadAll(r); rest <- string(data) }()
	text := <-rest
	c.that(contains(text, "HTTP/1.1 503 ") && contains(text, `"retryable":true`) && contains(strings.ToLower(text), "retry-after:"), "%q", text)
	c.that(p.wait().code == 5, "it goes on to its end: %v", p.res)
	c.that(i.expired == 0 && i.foreign == 0, "%d expired sent", i.expired)
}

func TestF163ManyAtOnce(t *testing.T) {
	t.Parallel()
	c := row(t, "F163", "many exec at once: ports and keys of their own, 0 replays; with --cache file one exchange")
	n := much(100, 12)
	for _, flags := range [][]string{nil, {"--cache", "file"}} {
		w := newWorld(t)
		var list []*process
		for range n {
			list = append(list, w.start(w.executing(`echo "$ANTHROPIC_BASE_URL"; echo "$ANTHROPIC_AUTH_TOKEN"; ask | head -1; while [ ! -e go ]; do sleep 0.1; done`, flags...)))
		}
		require.Eventually(t, func() bool { return w.sb.Counts().APIAccepted >= n }, 90*time.Second, 20*time.Millisecond)
		write(t, filepath.Join(w.home, "go"), "", 0o600)
		words := map[string]bool{}
		for _, p := range list {
			r := p.wait()
			c.that(r.code == 0 && contains(r.out, " 200 "), "%v", r)
			for _, word := range strings.Fields(r.out)[:2] {
				words[word] = true
			}
		}
		c.that(len(words) == 2*n, "%d different addresses and keys of %d", len(words), 2*n)
		want := n
		if flags != nil {
			want = 1
		}
		c.that(w.exchanges() == want && w.replays() == 0, "%v: %d exchanges, want %d; %d replays", flags, w.exchanges(), want, w.replays())
	}
	c.note("%d each", n)
}

func TestF164NoProcessLeft(t *testing.T) {
	t.Parallel()
	needRoot(t)
	need(t, "setpriv")
	need(t, "prlimit")
	needStrace(t)
	c := row(t, "F164", "no process can be made: class 5 with a clear text, no crash dump")
	w := newWorld(t)
	// EAGAIN of the call that starts the program, as at the limit of processes: those that make
	// threads have other flags and go through.
	for _, errno := range []string{"EAGAIN", "ENOMEM"} {
		v := newWorld(t)
		r := v.under("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pipe2", "-e", "inject=pipe2:error=EMFILE:when=3+").runCmd(v.executing("exit 0"))
		c.that(r.code == 125 || r.code == 0, "%s: %v", errno, r)
		c.that(clean(r.err), "%s: %v", errno, r)
	}
	home := t.TempDir()
	require.NoError(t, os.Chmod(home, 0o777))
	for d := filepath.Dir(home); d != "/"; d = filepath.Dir(d) {
		if info, err := os.Stat(d); err != nil || info.Mode().Perm()&0o005 != 0o005 {
			require.NoError(t, os.Chmod(d, 0o755))
		}
	}
	bitten := 0
	for _, limit := range []int{6, 8, 10, 12, 14, 16, 20} {
		uid := itoa(62000 + os.Getpid()%1000)
		v := w.under("setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "prlimit", fmt.Sprintf("--nproc=%d:%d", limit, limit)).
			with("HOME="+home, "TMPDIR="+home, "AWF_CRED_CACHE_DIR="+filepath.Join(home, "cache"), "GOMAXPROCS=2")
		cmd := v.executing("exit 0")
		cmd.Dir = home
		r := v.runCmd(cmd)
		// Below some number Go itself cannot make its threads, and says so before we run.
		if contains(r.err, "runtime: failed to create new OS thread") {
			continue
		}
		if r.code != 0 {
			bitten++
		}
		c.that(r.code == 0 || r.code == 125 && clean(r.err) && contains(r.err, "unavailable"), "%d processes: %v", limit, r)
	}
	c.note("%d limits met it", bitten)
}

//go:build linux

package chaos

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// soon is how long the end may take that a row wants within 200 ms: the machine
// may be busy. What it took is in the evidence.
const soon = 2 * time.Second

func TestF150ASignalAtEachStageOfToken(t *testing.T) {
	t.Parallel()
	c := row(t, "F150", "SIGINT and SIGTERM while token waits for the lock, mints, exchanges, writes: 130 and 143 at once, nothing printed, lock free, entry old or whole")
	var mu sync.Mutex
	var longest time.Duration
	ends := func(name string, p *process, pid int, sig syscall.Signal) {
		sent := time.Now()
		_ = syscall.Kill(pid, sig)
		r := p.wait()
		took := time.Since(sent)
		mu.Lock()
		longest = max(longest, took)
		mu.Unlock()
		c.that(r.code == 128+int(sig) && r.out == "" && clean(r.err), "%s, %v: %v", name, sig, r)
		c.that(took < soon, "%s, %v: after %v", name, sig, took)
	}
	after := func(w *world, name string) {
		r := w.run("token")
		_, ok := r.token()
		c.that(ok && r.took < 10*time.Second && len(w.temps()) == 0, "%s, the next run: %v, left %v", name, r, w.temps())
	}
	var all sync.WaitGroup
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		for _, at := range []sandbox.Endpoint{sandbox.Mint, sandbox.AnthropicToken} {
			w := newWorld(t)
			gate := sandbox.NewGate()
			w.sb.AddFault(at, sandbox.Fault{Gate: gate})
			all.Go(func() {
				defer gate.Open()
				p := w.start(w.command("token"))
				if !c.that(gate.Wait(within(t, 20*time.Second), 1) == nil, "%s is not reached", at) {
					return
				}
				// One that waits for its lock meanwhile.
				waiter := w.start(w.command("token"))
				if c.that(w.awaitWaiters(1) == nil, "%s: nobody waits for the lock", at) {
					ends("lock", waiter, waiter.cmd.Process.Pid, sig)
				}
				ends(string(at), p, p.cmd.Process.Pid, sig)
				gate.Open()
				after(w, string(at))
			})
		}
	}
	all.Wait()
	c.note("longest %v", longest.Round(time.Millisecond))
	if exec.Command("strace", "-qq", "-e", "trace=none", "true").Run() != nil {
		c.note("writing is not staged: no strace")
		return
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		for _, warm := range []bool{false, true} {
			w := newWorld(t)
			if warm {
				w.warm()
			}
			p := w.start(w.under("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=1500000").command("token", "--force-refresh"))
			var pid int
			require.Eventually(t, func() bool { pid = childOf(p.cmd.Process.Pid); return pid > 0 && len(w.temps()) > 0 }, 20*time.Second, 2*time.Millisecond)
			_ = syscall.Kill(pid, sig)
			r := p.wait()
			// It may have been past the point at which it can still say no.
			_, whole := r.token()
			c.that(whole || r.code == 128+int(sig) && r.out == "", "writing, %v: %v", sig, r)
			after(w.warmed(c), "writing")
		}
	}
}

// warmed lets the next writer sweep what a killed one has left.
func (w *world) warmed(c *check) *world {
	r := w.run("token", "--force-refresh")
	_, ok := r.token()
	c.that(ok, "the next writer: %v", r)
	return w
}

// childOf is a child process of pid, 0 if there is none.
func childOf(pid int) int {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	first, _, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	n, _ := strconv.Atoi(first)
	return n
}

func TestF151F152StandardStreamsThatFail(t *testing.T) {
	t.Parallel()
	c := row(t, "F151, F152", "standard output without a reader or full: 141 or class 6 and the token is kept; standard error: no effect")
	broken := func(name string, codes []int, set func(cmd *exec.Cmd) *os.File) {
		w := newWorld(t)
		cmd := w.command("token")
		f := set(cmd)
		r := w.runCmd(cmd)
		_ = f.Close()
		ok := false
		for _, code := range codes {
			ok = ok || r.code == code
		}
		c.that(ok && clean(r.err) && !contains(r.err, "sk-ant-oat"), "%s: %v", name, r)
		c.that(r.code != 6 || contains(r.err, "standard output") || contains(r.err, "stdout"), "%s: it does not say that the token was not delivered: %v", name, r)
		r = w.run("token")
		_, printed := r.token()
		c.that(printed && w.exchanges() == 1, "%s: the token is lost: %v, %d exchanges", name, r, w.exchanges())
	}
	broken("no reader", []int{141, 6}, func(cmd *exec.Cmd) *os.File {
		r, f, err := os.Pipe()
		require.NoError(t, err)
		require.NoError(t, r.Close())
		cmd.Stdout = f
		return f
	})
	broken("full", []int{6}, func(cmd *exec.Cmd) *os.File {
		f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		require.NoError(t, err)
		cmd.Stdout = f
		return f
	})
	need(t, "bash")
	for name, redirect := range map[string]string{"full": "2>/dev/full", "closed": "2>&-"} {
		w := newWorld(t)
		for _, args := range [][]string{{"token"}, {"token", "--verbose", "--force-refresh"}} {
			r := w.under("bash", "-c", `exec "$0" "$@" `+redirect).run(args...)
			_, ok := r.token()
			c.that(ok, "standard error %s: %v", name, r)
		}
		r := w.under("bash", "-c", `exec "$0" "$@" `+redirect).with("AWF_AUTH_ANTHROPIC_ORGANIZATION_ID=").run("token")
		c.that(r.code == 2 && r.out == "", "a failure, standard error %s: %v", name, r)
	}
}

func TestF154F155ASecondSignalAndSIGQUIT(t *testing.T) {
	t.Parallel()
	c := row(t, "F154, F155", "a second SIGTERM or SIGINT during the drain ends at once; SIGQUIT: fixed text, 131, no secret, no stack")
	w := newWorld(t)
	ends := make(chan struct{})
	u := streams(t, ends)
	defer close(ends)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s := w.serving(u.url()).live()
		_, err := s.open(1, "/never")
		c.that(err == nil, "%v", err)
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		s.await("draining", func() bool { return contains(s.said.String(), "draining") })
		sent := time.Now()
		_ = s.cmd.Process.Signal(sig)
		r := s.wait()
		c.that(r.code == 128+int(sig) && time.Since(sent) < soon, "%v: %v", sig, r)
	}
	for _, drains := range []bool{false, true} {
		s := w.with("GOTRACEBACK=all").serving(u.url()).live()
		_, _ = s.open(1, "/never")
		if drains {
			_ = s.cmd.Process.Signal(syscall.SIGTERM)
		}
		_ = s.cmd.Process.Signal(syscall.SIGQUIT)
		r := s.wait()
		said := s.said.String()
		c.that(r.code == 131 && clean(said) && contains(said, "SIGQUIT") && !contains(said, "sk-ant") && !contains(said, "eyJ0"), "serve: %v %s", r, said)
	}
	v := newWorld(t)
	gate := sandbox.NewGate()
	v.sb.AddFault(sandbox.AnthropicToken, sandbox.Fault{Gate: gate})
	defer gate.Open()
	p := v.start(v.with("GOTRACEBACK=all").command("token"))
	c.that(gate.Wait(within(t, 20*time.Second), 1) == nil, "token does not exchange")
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	r := p.wait()
	c.that(r.code == 131 && r.out == "" && clean(r.err) && !contains(r.err, "eyJ0"), "token: %v", r)
}

func TestF156TheParentDies(t *testing.T) {
	t.Parallel()
	c := row(t, "F156, T39", "the parent dies: with --die-with-parent serve ends within a second, without it lives on")
	for _, with := range []bool{true, false} {
		w := newWorld(t)
		args := []string{"-c", `"$@" & wait`, "sh", w.bin, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
			"--upstream", w.sb.PlainURL(sandbox.HostAnthropic), "--ready-file", filepath.Join(w.home, "ready.json")}
		if with {
			args = append(args, "--die-with-parent")
		}
		cmd := exec.Command("sh", args...)
		cmd.Env, cmd.Dir = w.env, w.home
		cmd.Stderr, cmd.Stdout = io.Discard, io.Discard
		s := &server{process: w.start(cmd), w: w, said: &spoken{}, ready: filepath.Join(w.home, "ready.json")}
		require.Eventually(t, func() bool { return s.bound() }, 30*time.Second, 10*time.Millisecond)
		data, err := os.ReadFile(s.ready)
		require.NoError(t, err)
		pid := int(jsonNumber(string(data), "pid"))
		require.Positive(t, pid)
		t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
		_ = cmd.Process.Kill()
		died := time.Now()
		gone := func() bool { return !alivePID(pid) }
		if with {
			ended := false
			for time.Since(died) < 10*time.Second && !ended {
				sleep(10 * time.Millisecond)
				ended = gone()
			}
			took := time.Since(died)
			c.that(ended && took < soon, "it ended: %v, after %v", ended, took)
			c.note("ended after %v", took.Round(10*time.Millisecond))
			continue
		}
		sleep(1500 * time.Millisecond)
		c.that(!gone() && s.alive(), "without the flag it lives on")
		_ = syscall.Kill(pid, syscall.SIGTERM)
		require.Eventually(t, gone, 20*time.Second, 10*time.Millisecond)
	}
}

// alivePID reports whether a process is there and no zombie.
func alivePID(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(data), ") ")
	return after != "" && after[0] != 'Z'
}

// line is the next line that a program prints.
func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	got := make(chan string, 1)
	go func() {
		text, _ := r.ReadString('\n')
		got <- text
	}()
	select {
	case text := <-got:
		return text
	case <-time.After(30 * time.Second):
		t.Fatal("the program says nothing")
		return ""
	}
}

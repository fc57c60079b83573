//go:build linux

package chaos

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// world is one machine: a sandbox outside, a home and a cache directory inside,
// and the environment of a step.
type world struct {
	t    *testing.T
	sb   *sandbox.Sandbox
	home string
	dir  string // of the cache
	env  []string
	bin  string
	// wrap is put before the binary: strace, unshare, setpriv.
	wrap []string
}

func newWorld(t *testing.T, options ...sandbox.Option) *world {
	t.Helper()
	sb := sandbox.Start(t, options...)
	w := &world{t: t, sb: sb, home: t.TempDir(), bin: binary}
	w.dir = filepath.Join(w.home, "cache")
	w.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.home, "TMPDIR=" + w.home, "AWF_CRED_CACHE_DIR=" + w.dir,
	}, append(sb.GitHubEnv(), sb.AnthropicEnv()...)...)
	return w
}

// with returns a copy whose environment has these settings; NAME alone unsets.
func (w *world) with(settings ...string) *world {
	changed := *w
	changed.env = nil
	for _, have := range w.env {
		name, _, _ := strings.Cut(have, "=")
		replaced := false
		for _, s := range settings {
			replaced = replaced || name == s || strings.HasPrefix(s, name+"=")
		}
		if !replaced {
			changed.env = append(changed.env, have)
		}
	}
	for _, s := range settings {
		if strings.Contains(s, "=") {
			changed.env = append(changed.env, s)
		}
	}
	return &changed
}

// under returns a copy whose binary runs under another program.
func (w *world) under(wrap ...string) *world {
	changed := *w
	changed.wrap = wrap
	return &changed
}

// fresh returns a copy with another cache directory.
func (w *world) fresh() *world {
	dir := filepath.Join(w.t.TempDir(), "cache")
	changed := w.with("AWF_CRED_CACHE_DIR=" + dir)
	changed.dir = dir
	return changed
}

func (w *world) command(args ...string) *exec.Cmd {
	argv := append(append([]string{}, w.wrap...), append([]string{w.bin}, args...)...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = w.env
	cmd.Dir = w.home
	return cmd
}

// result is what a process left.
type result struct {
	code   int // 128 and the signal, as a shell says it
	out    string
	err    string
	took   time.Duration
	signal syscall.Signal
}

func (w *world) run(args ...string) result {
	w.t.Helper()
	return w.runCmd(w.command(args...))
}

// bound is when a process that should have ended long ago is killed.
const bound = 2 * time.Minute

func (w *world) runCmd(cmd *exec.Cmd) result {
	w.t.Helper()
	p := w.start(cmd)
	return p.wait()
}

type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   bytes.Buffer
	err   bytes.Buffer
	begun time.Time
	done  chan struct{}
	res   result
}

func (w *world) start(cmd *exec.Cmd) *process {
	w.t.Helper()
	p := &process{t: w.t, cmd: cmd, done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = &p.out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &p.err
	}
	p.begun = time.Now()
	require.NoError(w.t, cmd.Start())
	w.t.Cleanup(func() { _ = cmd.Process.Kill(); <-p.done })
	go func() {
		defer close(p.done)
		err := cmd.Wait()
		p.res = result{took: time.Since(p.begun), out: p.out.String(), err: p.err.String()}
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			p.res.code = exit.ExitCode()
			if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
				p.res.signal = status.Signal()
				p.res.code = 128 + int(status.Signal())
			}
		} else if err != nil {
			p.res.code, p.res.err = -1, err.Error()
		}
	}()
	return p
}

func (p *process) wait() result {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(bound):
		_ = p.cmd.Process.Kill()
		<-p.done
		p.t.Errorf("%v did not end; stderr %s", p.cmd.Args, p.res.err)
	}
	return p.res
}

// token reports whether the result is a success that printed exactly a token.
func (r result) token() (string, bool) {
	token, ok := strings.CutSuffix(r.out, "\n")
	return token, r.code == 0 && ok && strings.HasPrefix(token, "sk-ant-oat01-") && !strings.ContainsAny(token, " \n")
}

// fails reports whether the result is a failure of that class with nothing on
// standard output and a message.
func (r result) fails(code int) bool { return r.code == code && r.out == "" && r.err != "" }

func (r result) String() string {
	cut := func(s string) string { return s[:min(len(s), 1500)] }
	return "exit " + itoa(r.code) + ", stdout " + quote(cut(r.out)) + ", stderr " + quote(cut(r.err)) + ", after " + r.took.Round(time.Millisecond).String()
}

// entry is the path of the one entry in the cache directory.
func (w *world) entry() string {
	w.t.Helper()
	found, err := filepath.Glob(filepath.Join(w.dir, "*.json"))
	require.NoError(w.t, err)
	require.Len(w.t, found, 1, "entries in %s", w.dir)
	return found[0]
}

// temps are the temporary files in the cache directory.
func (w *world) temps() []string {
	found, _ := filepath.Glob(filepath.Join(w.dir, ".*"))
	return found
}

// warm makes an entry and returns the token in it.
func (w *world) warm() string {
	w.t.Helper()
	r := w.run("token")
	token, ok := r.token()
	require.True(w.t, ok, "%v", r)
	return token
}

func (w *world) exchanges() int { return w.sb.Counts().Exchanges }
func (w *world) mints() int     { return w.sb.Counts().MintRequests }
func (w *world) replays() int   { return w.sb.Counts().Replays }

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// entries is how many credentials are in the cache directory.
func (w *world) entries() int {
	found, _ := filepath.Glob(filepath.Join(w.dir, "*.json"))
	return len(found)
}

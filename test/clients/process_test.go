//go:build unix

package clients

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bound is how long one client may take. They answer in seconds; the machine may
// be busy.
const bound = 3 * time.Minute

// marker names the variable by which a process of this run is known.
const marker = "CLIENTS_RUN"

// process is a running program with all that it started.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  chan string
	err    *buffer
	done   chan struct{} // closed when it has ended and its output is read
	cancel context.CancelFunc
}

// buffer collects what a program writes while others look at it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start runs a program in a process group of its own, which is ended after bound,
// or with the test.
func start(t *testing.T, dir string, env []string, argv ...string) *process {
	t.Helper()
	argv = slices.Clone(argv)
	argv[0] = lookPath(argv[0], env)
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	p := &process{t: t, cmd: exec.CommandContext(ctx, argv[0], argv[1:]...), err: &buffer{}, cancel: cancel,
		lines: make(chan string, 1024), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = dir, append(env, marker+"="+scratch), p.err
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Cancel = func() error { return syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }
	p.cmd.WaitDelay = 5 * time.Second
	var err error
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, w, err := os.Pipe()
	require.NoError(t, err)
	p.cmd.Stdout = w
	err = p.cmd.Start()
	_ = w.Close()
	require.NoError(t, err, "start %s", argv[0])
	go p.read(out)
	t.Cleanup(p.end)
	return p
}

// lookPath finds a program in the PATH of its environment.
func lookPath(name string, env []string) string {
	if strings.ContainsRune(name, filepath.Separator) {
		return name
	}
	for _, entry := range env {
		list, ok := strings.CutPrefix(entry, "PATH=")
		for _, dir := range filepath.SplitList(list) {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); ok && err == nil && info.Mode()&0o111 != 0 && !info.IsDir() {
				return path
			}
		}
	}
	return name
}

// read takes the output line by line until nobody can write any more.
func (p *process) read(out *os.File) {
	defer close(p.done)
	defer close(p.lines)
	s := bufio.NewScanner(out)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		p.lines <- s.Text()
	}
	_ = out.Close()
	_ = p.cmd.Wait()
}

// end kills whatever still runs.
func (p *process) end() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	p.cancel()
	for range p.lines { // a full channel would keep the reader
	}
	<-p.done
}

// line is the next line of the output; false at its end.
func (p *process) line() (string, bool) {
	p.t.Helper()
	text, ok := <-p.lines
	return text, ok
}

// wait returns the rest of the output and the exit status.
func (p *process) wait() result {
	p.t.Helper()
	_ = p.in.Close()
	var out []string
	for text := range p.lines {
		out = append(out, text)
	}
	<-p.done
	return result{out: strings.Join(out, "\n"), err: p.err.String(), status: p.cmd.ProcessState.ExitCode()}
}

// result is what a program left behind.
type result struct {
	out, err string
	status   int
}

// ok demands that the program succeeded, and returns its output.
func (r result) ok(t *testing.T) string {
	t.Helper()
	require.Zero(t, r.status, "exit status\nstdout:\n%s\nstderr:\n%s", lastLines(r.out, 40), lastLines(r.err, 40))
	return r.out
}

// endLeftovers ends the processes of this run that have outlived their test, and
// names them. Where there is no /proc it finds none.
func endLeftovers() []string {
	var names []string
	found, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range found {
		data, err := os.ReadFile(path)
		if err != nil || !strings.Contains("\x00"+string(data), "\x00"+marker+"="+scratch+"\x00") {
			continue
		}
		dir := filepath.Dir(path)
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil && len(line) > 0 { // a zombie has no arguments
			names = append(names, strings.ReplaceAll(string(line), "\x00", " "))
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return names
}

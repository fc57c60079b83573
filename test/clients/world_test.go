//go:build unix

package clients

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// environment is a set of variables.
type environment map[string]string

// with returns e and, winning over it, more.
func (e environment) with(more environment) environment {
	out := maps.Clone(e)
	maps.Copy(out, more)
	return out
}

// list is e as a process takes it.
func (e environment) list() []string {
	out := make([]string, 0, len(e))
	for _, name := range slices.Sorted(maps.Keys(e)) {
		out = append(out, name+"="+e[name])
	}
	return out
}

// world is one machine: a sandbox outside, a home inside, and the environment of a
// step. Clients get plain, the product gets step.
type world struct {
	t     *testing.T
	sb    *sandbox.Sandbox
	home  string
	plain environment // of a client: nothing that leads to a credential
	step  environment // of a job's step: what the product needs
}

// newWorld makes a world whose vendors speak TLS with a root of their own. env
// tells what the job's step says of its provider.
func newWorld(t *testing.T, env func(*sandbox.Sandbox) []string, options ...sandbox.Option) *world {
	t.Helper()
	w := &world{t: t, home: t.TempDir()}
	options = append([]sandbox.Option{sandbox.With(func(c *sandbox.Config) { c.TLS = true })}, options...)
	w.sb = sandbox.Start(t, options...)
	for _, dir := range []string{"tmp", "work"} {
		require.NoError(t, os.Mkdir(filepath.Join(w.home, dir), 0o700))
	}
	w.plain = environment{
		"PATH": os.Getenv("PATH"), "HOME": w.home, "TMPDIR": filepath.Join(w.home, "tmp"), "LANG": "C.UTF-8",
		"NODE_EXTRA_CA_CERTS": w.sb.CAFile(),
		// Claude Code asks its vendor for news otherwise, and repeats what failed:
		// a test wants to see the first failure.
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "CLAUDE_CODE_MAX_RETRIES": "0",
	}
	w.step = w.plain.with(environment{"AWF_CRED_CA_FILE": w.sb.CAFile()})
	for _, list := range [][]string{w.sb.GitHubEnv(), env(w.sb)} {
		w.step = w.step.with(parse(list))
	}
	return w
}

func parse(list []string) environment {
	e := environment{}
	for _, entry := range list {
		name, value, _ := bytes.Cut([]byte(entry), []byte("="))
		e[string(name)] = string(value)
	}
	return e
}

// work is the directory in which clients run.
func (w *world) work() string { return filepath.Join(w.home, "work") }

// start runs a program in the world.
func (w *world) start(env environment, argv ...string) *process {
	w.t.Helper()
	return start(w.t, w.work(), env.list(), argv...)
}

// run runs a program to its end.
func (w *world) run(env environment, argv ...string) result {
	w.t.Helper()
	return w.start(env, argv...).wait()
}

// product runs awf-cred to its end.
func (w *world) product(args ...string) result {
	w.t.Helper()
	return w.run(w.step, append([]string{binary}, args...)...)
}

// file writes a file below the world's home, and returns its path.
func (w *world) file(name, content string) string {
	w.t.Helper()
	path := filepath.Join(w.home, name)
	require.NoError(w.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(w.t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// server is a serve that runs.
type server struct {
	w     *world
	p     *process
	ready string // the ready file
	key   string // the client key
}

// serve starts serve with a client key, and ends it with the test, which must
// find it well.
func (w *world) serve(flags ...string) *server {
	w.t.Helper()
	s := &server{w: w, ready: filepath.Join(w.home, "ready.json")}
	args := append([]string{binary, "serve", "--client-key", "generate", "--ready-file", s.ready}, flags...)
	s.p = w.start(w.step, args...)
	w.t.Cleanup(s.stop)
	wait := []string{binary, "env", "--ready-file", s.ready, "--wait", "30s", "--shell", "json"}
	if !slices.Contains(flags, "--listen") {
		wait = append(wait, "--for", "aws-sdk")
	}
	out := w.run(w.step, wait...)
	require.Zero(w.t, out.status, "serve is not ready: %s\n%s", out.err, s.p.err.String())
	data, err := os.ReadFile(s.ready)
	require.NoError(w.t, err)
	var said struct {
		ClientKey string `json:"client_key"`
	}
	require.NoError(w.t, json.Unmarshal(data, &said))
	require.NotEmpty(w.t, said.ClientKey)
	s.key = said.ClientKey
	return s
}

// stop ends serve as an init system does.
func (s *server) stop() {
	select {
	case <-s.p.done:
		return
	default:
	}
	_ = s.p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.p.done:
		assert.Zero(s.w.t, s.p.cmd.ProcessState.ExitCode(), "serve's exit status\n%s", s.p.err.String())
	case <-time.After(bound):
		s.w.t.Error("serve does not end")
	}
}

// env is the environment of a client with what `env --ready-file` says, run in a
// step of the same job.
func (s *server) env(client environment, flags ...string) environment {
	s.w.t.Helper()
	args := append([]string{binary, "env", "--ready-file", s.ready, "--shell", "json"}, flags...)
	return told(s.w.t, client, s.w.run(s.w.step.with(client), args...).ok(s.w.t))
}

// told applies what env printed.
func told(t *testing.T, to environment, printed string) environment {
	t.Helper()
	var vars map[string]*string
	require.NoError(t, json.Unmarshal([]byte(printed), &vars))
	to = maps.Clone(to)
	for name, value := range vars {
		if value == nil {
			delete(to, name)
		} else {
			to[name] = *value
		}
	}
	return to
}

// keep starts a serve that keeps a file fresh, and waits for the file.
func (w *world) keep(kind, path string) {
	w.t.Helper()
	s := &server{w: w, p: w.start(w.step, binary, "serve", "--sink", kind+":"+path)}
	w.t.Cleanup(s.stop)
	limit := time.NewTimer(bound)
	defer limit.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-look.C:
		case <-s.p.done:
			require.Fail(w.t, "serve has ended", "%s", s.p.err)
		case <-limit.C:
			require.Fail(w.t, "serve writes no file", "%s", s.p.err)
		}
	}
}

package hostile

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
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

// TestBinary makes every case, in full, against the built program: one `awf-cred
// serve` for each role, with the credentials of the sandbox.
//
//	AWF_TEST_BINARY=bin/awf-cred AWF_HOSTILE=full go test -count=1 -v ./test/hostile
func TestBinary(t *testing.T) {
	program := os.Getenv("AWF_TEST_BINARY")
	if program == "" || os.Getenv("AWF_HOSTILE") != "full" {
		t.Skip("AWF_TEST_BINARY names no program, or AWF_HOSTILE is not full")
	}
	u, err := NewUpstream()
	require.NoError(t, err)
	defer u.Close()
	runAll(t, startBinary(t, u, program), u, 40*time.Millisecond)
}

// binary is the built program, a process for each role.
type binary struct {
	processes map[Role]*process
	keyFile   string
	key       string
	secrets   []string
	logs      []*follower
}

// process is one `awf-cred serve`.
type process struct {
	cmd    *exec.Cmd
	tcp    string
	unix   string
	admin  string
	bearer string
}

// follower reads what is appended to a file.
type follower struct {
	path string
	at   int64
}

func (f *follower) take() string {
	file, err := os.Open(f.path)
	if err != nil {
		return ""
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() <= f.at {
		return ""
	}
	data := make([]byte, info.Size()-f.at)
	n, _ := file.ReadAt(data, f.at)
	// A line that is being written is left for the next time.
	end := strings.LastIndexByte(string(data[:n]), '\n') + 1
	f.at += int64(end)
	return string(data[:end])
}

func startBinary(t *testing.T, u *Upstream, program string) *binary {
	// Anthropic's tokens live twice as long as the assertion at most: these outlive
	// the suite, so that there is one credential for each process.
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.TokenLifetime = time.Hour }))
	dir := t.TempDir()
	b := &binary{processes: map[Role]*process{}, keyFile: filepath.Join(dir, "key"), key: newKey()}
	require.NoError(t, os.WriteFile(b.keyFile, []byte(b.key+"\n"), 0o600))
	for _, role := range Roles() {
		b.processes[role] = b.start(t, sb, u, program, filepath.Join(dir, string(role)), role)
	}
	return b
}

func (b *binary) start(t *testing.T, sb *sandbox.Sandbox, u *Upstream, program, dir string, role Role) *process {
	require.NoError(t, os.Mkdir(dir, 0o700))
	in := func(name string) string { return filepath.Join(dir, name) }
	args := []string{"serve", "--listen", "127.0.0.1:0", "--listen", "unix:" + in("socket"), "--upstream", "http://" + u.Address(),
		"--ready-file", in("ready"), "--admin-listen", "127.0.0.1:0", "--access-log", in("access"), "--audit-log", in("audit"),
		"--log-level", "debug", "--log-format", "json", "--cache", "memory", "--allowed-host", "proxy.test", "--die-with-parent"}
	env := append(sb.GitHubEnv(), "HOME="+dir, "PATH=/nowhere", "AWF_ANTHROPIC_AUTH_HEADER="+authHeader)
	provider := "anthropic"
	switch role {
	case Keyed:
		args = append(args, "--client-key-file", b.keyFile)
	case Narrow:
		args = append(args, "--max-requests", strconv.Itoa(b.Scale().MaxRequests))
	case Tunnel:
		provider = "openai"
	case Signer:
		provider = "aws"
	}
	env = append(env, map[string]func() []string{"anthropic": sb.AnthropicEnv, "openai": sb.OpenAIEnv, "aws": sb.AWSEnv}[provider]()...)

	stderr, err := os.OpenFile(in("stderr"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer stderr.Close()
	cmd := exec.CommandContext(context.Background(), program, args...)
	cmd.Env, cmd.Stderr, cmd.Dir = env, stderr, dir
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%s ended with %v", role, err)
			}
		case <-time.After(40 * time.Second):
			_ = cmd.Process.Kill()
			t.Errorf("%s did not drain", role)
		}
	})
	p := &process{cmd: cmd, unix: in("socket")}
	require.EventuallyWithT(t, func(c *assert.CollectT) { require.NoError(c, p.readReady(in("ready"))) }, 20*time.Second, 20*time.Millisecond)
	for _, name := range []string{"stderr", "access", "audit"} {
		b.logs = append(b.logs, &follower{path: in(name)})
	}
	b.learnCredential(t, p, role, u)
	return p
}

// readReady takes the addresses from the ready file.
func (p *process) readReady(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var ready struct {
		Listeners []struct{ Address string }
		Admin     string
	}
	if err := json.Unmarshal(data, &ready); err != nil {
		return err
	}
	for _, l := range ready.Listeners {
		if !strings.HasPrefix(l.Address, "unix:") {
			p.tcp = l.Address
		}
	}
	p.admin = strings.TrimPrefix(ready.Admin, "http://")
	if p.tcp == "" || p.admin == "" {
		return fmt.Errorf("the ready file lacks addresses: %s", data)
	}
	return nil
}

// learnCredential makes one request and takes the credential from what arrives.
func (b *binary) learnCredential(t *testing.T, p *process, role Role, u *Upstream) {
	mark := u.Mark()
	c, err := net.Dial("tcp", p.tcp)
	require.NoError(t, err)
	x := newClient(c, 20*time.Second)
	defer x.Close()
	x.send([]byte("GET /v1/first HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: " + b.key + "\r\n\r\n"))
	r, err := x.reply(false)
	require.NoError(t, err)
	require.Equal(t, 200, r.Status, string(r.Body))
	got := u.Since(mark)
	require.Len(t, got, 1)
	if role == Signer {
		b.secrets = append(b.secrets, got[0].Values("x-amz-security-token")...)
		return
	}
	p.bearer = strings.TrimPrefix(strings.Join(got[0].Values("authorization"), ""), "Bearer ")
	require.NotEmpty(t, p.bearer)
	b.secrets = append(b.secrets, p.bearer)
}

func (b *binary) Dial(role Role, network string) (net.Conn, error) {
	if network == "unix" {
		return dialUnix(b.processes[role].unix)
	}
	return net.Dial("tcp", b.processes[role].tcp)
}

// dialUnix waits while the queue of a listener is full: a unix socket says EAGAIN
// at once, where TCP tries again by itself.
func dialUnix(path string) (net.Conn, error) {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		c, err := net.Dial("unix", path)
		if err == nil || !errors.Is(err, syscall.EAGAIN) || time.Now().After(deadline) {
			return c, err
		}
	}
}

func (b *binary) Address(role Role) string { return b.processes[role].tcp }
func (b *binary) Key() string              { return b.key }
func (b *binary) Secrets() []string        { return b.secrets }
func (b *binary) Bearer(role Role) string  { return b.processes[role].bearer }
func (b *binary) Close() error             { return nil }

// Rotate replaces the key file and says so.
func (b *binary) Rotate(key string) error {
	next := b.keyFile + ".next"
	if err := os.WriteFile(next, []byte(key+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.Rename(next, b.keyFile); err != nil {
		return err
	}
	b.key = key
	return b.processes[Keyed].cmd.Process.Signal(syscall.SIGHUP)
}

func (b *binary) Log() string {
	var all strings.Builder
	for _, f := range b.logs {
		all.WriteString(f.take())
	}
	return all.String()
}

// metrics are the lines of /metrics that hold values.
func (p *process) metrics() (map[string]float64, error) {
	c, err := net.Dial("tcp", p.admin)
	if err != nil {
		return nil, err
	}
	x := newClient(c, 5*time.Second)
	defer x.Close()
	x.send([]byte("GET /metrics HTTP/1.1\r\nHost: " + p.admin + "\r\nConnection: close\r\n\r\n"))
	r, err := x.reply(false)
	if err != nil || r.Status != 200 {
		return nil, fmt.Errorf("/metrics: %d: %w", r.Status, err)
	}
	values := map[string]float64{}
	for lines := bufio.NewScanner(strings.NewReader(string(r.Body))); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok && !strings.HasPrefix(name, "#") {
			values[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	return values, nil
}

func (b *binary) Figures(role Role) (Figures, error) {
	p := b.processes[role]
	m, err := p.metrics()
	if err != nil {
		return Figures{}, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return Figures{}, err
	}
	var resident int64
	for _, line := range strings.Split(string(status), "\n") {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			_, _ = fmt.Sscan(rest, &resident)
		}
	}
	return Figures{Goroutines: int(m["go_goroutines"]), Descriptors: int(m["process_open_fds"]),
		Memory: int64(m["go_memstats_heap_inuse_bytes"]), Resident: resident << 10}, nil
}

func (b *binary) Series(role Role) (int, error) {
	m, err := b.processes[role].metrics()
	return len(m), err
}

// Scale is everything in full.
func (*binary) Scale() Scale {
	return Scale{Slow: 1000, Idle: 5000, Halves: 1000, Churn: 10_000, Uploads: 1000, Deaf: 256, Signed: 100, Distinct: 100_000,
		HeaderTimeout: 10 * time.Second, MaxRequests: 64, SignLimit: 25_000_000, SignBudget: 64 << 20, Memory: 64 << 10}
}

//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// served is a running `awf-cred serve`.
type served struct {
	t      *testing.T
	cmd    *exec.Cmd
	dir    string
	stderr *lockedBuffer
	Ready  struct {
		PID       int
		Listeners []struct{ Profile, Provider, Address, URL string }
		Admin     string
		ClientKey string `json:"client_key"`
	}
}

// lockedBuffer is read while a program writes to it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serveProgram is `awf-cred serve` on a free port, before it is started.
func serveProgram(t *testing.T, sb *sandbox.Sandbox, flags ...string) *served {
	t.Helper()
	dir := t.TempDir()
	args := append([]string{"serve", "--ready-file", filepath.Join(dir, "ready.json"), "--admin-listen", "127.0.0.1:0"}, flags...)
	has := func(flag string) bool { return strings.Contains(" "+strings.Join(flags, " ")+" ", " "+flag+" ") }
	if !has("--listen") && !has("--config") {
		args = append(args, "--listen", "127.0.0.1:0")
	}
	if !has("--upstream") && !has("--config") {
		args = append(args, "--upstream", sb.URL(sandbox.HostAnthropic))
	}
	s := &served{t: t, cmd: program(t, sb, args...), dir: dir, stderr: &lockedBuffer{}}
	s.cmd.Stderr = s.stderr
	return s
}

// start runs it until the end of the test, and returns when it is bound.
func (s *served) start() *served {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Start())
	s.t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		if s.t.Failed() {
			s.t.Log(s.stderr.String())
		}
	})
	require.Eventually(s.t, func() bool {
		data, err := os.ReadFile(filepath.Join(s.dir, "ready.json"))
		return err == nil && json.Unmarshal(data, &s.Ready) == nil
	}, 20*time.Second, 5*time.Millisecond, "it is not bound")
	return s
}

func (s *served) awaitReady() *served {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		status, _ := s.get(s.Ready.Admin + "/readyz")
		return status == 200
	}, 20*time.Second, 5*time.Millisecond, "it is not ready")
	return s
}

func (s *served) get(url string) (int, string) {
	s.t.Helper()
	res, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

const messageBody = `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`

func (s *served) message(base string, header ...string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodPost, base+"/v1/messages", strings.NewReader(messageBody))
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

func (s *served) signal(sig syscall.Signal) {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(sig))
}

func (s *served) status() int {
	s.t.Helper()
	return statusOf(s.t, s.cmd.Wait())
}

func TestServe(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.WithTLS())
	s := serveProgram(t, sb, "--ca-file", sb.CAFile()).start().awaitReady()
	status, body := s.message(s.Ready.Listeners[0].URL, "x-api-key", "sk-ant-of-the-client")
	assert.Equal(t, 200, status, body)
	s.signal(syscall.SIGTERM)
	assert.Equal(t, 0, s.status())
	assert.NotContains(t, s.stderr.String(), "sk-ant")
	assert.NotContains(t, s.stderr.String(), "eyJ")
}

// The cache is shared with `token`: one exchange for a job.
func TestServeSharesTheCacheWithToken(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	s := serveProgram(t, sb)
	first := program(t, sb, "token")
	first.Dir, first.Env = s.cmd.Dir, s.cmd.Env
	require.NoError(t, first.Run())
	s.start().awaitReady()
	status, body := s.message(s.Ready.Listeners[0].URL)
	assert.Equal(t, 200, status, body)
	assert.Equal(t, 1, sb.Counts().Exchanges)
}

func TestServeThatCannotStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	require.NoError(t, os.WriteFile(open, []byte("0123456789abcdef\n"), 0o644))
	short := filepath.Join(dir, "short")
	require.NoError(t, os.WriteFile(short, []byte("short\n"), 0o600))
	for _, row := range []struct {
		name   string
		flags  []string
		env    []string
		fault  *sandbox.Fault
		mint   *sandbox.Fault
		status int
		says   string
	}{
		{"a configuration that is missing", nil, []string{"AWF_AUTH_ANTHROPIC_ORGANIZATION_ID="}, nil, nil, 2, "AWF_AUTH_ANTHROPIC_ORGANIZATION_ID"},
		{"a mint that is refused", nil, nil, nil, fault(sandbox.Status(401).Always()), 3, "(identity, exit 3"},
		{"an exchange that is refused", nil, nil, fault(sandbox.Refusal(401, "invalid_grant").Always()), nil, 4, "(refused, exit 4"},
		{"T10: another address", []string{"--listen", "0.0.0.0:0"}, nil, nil, nil, 2, "--allow-remote"},
		{"T10: another address without a key", []string{"--listen", "0.0.0.0:0", "--allow-remote"}, nil, nil, nil, 2, "--client-key-file"},
		{"a key file that others can read", []string{"--client-key-file", open}, nil, nil, nil, 2, "chmod 600"},
		{"a key that is too short", []string{"--client-key-file", short}, nil, nil, nil, 2, "16 to 256"},
		{"a name that is no host", []string{"--allowed-host", "http://proxy.internal"}, nil, nil, nil, 2, "is not the name of a host"},
		{"a header for the key that frames the request", nil, []string{"AWF_ANTHROPIC_AUTH_HEADER=Host"}, nil, nil, 2, "AWF_ANTHROPIC_AUTH_HEADER"},
		{"a word that makes no key", []string{"--client-key", "mine"}, nil, nil, nil, 2, "generate"},
		{"two keys", []string{"--client-key", "generate", "--client-key-file", short}, nil, nil, nil, 2, "contradict"},
		{"a rule that is none", []string{"--allow", "everything"}, nil, nil, nil, 2, "METHOD /path"},
		{"bounds that make no sense", []string{"--max-header-bytes", "1"}, nil, nil, nil, 2, "1KiB"},
		{"a size that is none", []string{"--max-buffer", "many"}, nil, nil, nil, 2, `flag --max-buffer: "many" is not a number of bytes`},
		{"a duration that is none", []string{"--header-timeout", "abc"}, nil, nil, nil, 2, `flag --header-timeout: "abc" is not a duration`},
		{"a plain upstream", []string{"--upstream", "http://api.example.com"}, nil, nil, nil, 2, "plain http"},
		{"an access log in no folder", []string{"--access-log", filepath.Join(dir, "no", "log")}, nil, nil, nil, 6, "--access-log"},
		{"one socket for two addresses", []string{"--listen", "127.0.0.1:59999", "--listen", "127.0.0.1:59999"}, nil, nil, nil, 2, "is the address of"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			sb := sandbox.Start(t)
			if row.fault != nil {
				sb.AddFault(sandbox.AnthropicToken, *row.fault)
			}
			if row.mint != nil {
				sb.AddFault(sandbox.Mint, *row.mint)
			}
			s := serveProgram(t, sb, row.flags...)
			s.cmd.Env = append(s.cmd.Env, row.env...)
			assert.Equal(t, row.status, statusOf(t, s.cmd.Run()), s.stderr.String())
			assert.Contains(t, s.stderr.String(), row.says)
		})
	}
}

// A key that is made and told to nobody would shut everybody out.
func TestAGeneratedKeyMustBeTold(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	for _, flags := range [][]string{{"--client-key", "generate"}, {"--credentials-endpoint", "127.0.0.1:0"}} {
		code, _, stderr := outcome(t, program(t, sb, append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...)...))
		assert.Equal(t, 2, code, stderr)
		assert.Contains(t, stderr, "--ready-file")
	}
}

// 0.0.0.0 is every address of IPv4, and whoever binds it is told that no name leads there.
func TestEveryAddressOfIPv4(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	s := serveProgram(t, sb, "--listen", "0.0.0.0:0", "--allow-remote", "--client-key", "generate").start().awaitReady()
	host, port, err := net.SplitHostPort(s.Ready.Listeners[0].Address)
	require.NoError(t, err)
	assert.Equal(t, "0.0.0.0", host)
	_, err = net.Dial("tcp", net.JoinHostPort("::1", port))
	assert.Error(t, err)
	assert.Contains(t, s.stderr.String(), "--allowed-host")
	status, body := s.message(s.Ready.Listeners[0].URL, "x-api-key", s.Ready.ClientKey)
	assert.Equal(t, 200, status, "by the address in the ready file: "+body)
}

// A configuration that can never work is said to clients with --keep-serving.
func TestKeepServing(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	sb.AddFault(sandbox.AnthropicToken, sandbox.Refusal(401, "invalid_grant").Always())
	s := serveProgram(t, sb, "--keep-serving").start()
	require.Eventually(t, func() bool { return strings.Contains(s.stderr.String(), "renewal failed") }, 20*time.Second, 5*time.Millisecond)
	status, body := s.message(s.Ready.Listeners[0].URL)
	assert.Equal(t, 403, status)
	assert.Contains(t, body, `"retryable":false`)
	status, _ = s.get(s.Ready.Admin + "/readyz")
	assert.Equal(t, 503, status)
	assert.Contains(t, s.stderr.String(), "hint=", "the log that clients are pointed to has the next step")
	s.signal(syscall.SIGINT)
	assert.Equal(t, 0, s.status())
}

// An upstream that is missing is a configuration that cannot work, like any other.
func TestKeepServingWithoutAnUpstream(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	s := serveProgram(t, sb, "--provider", "azure", "--keep-serving")
	for i, arg := range s.cmd.Args {
		if arg == "--upstream" {
			s.cmd.Args = append(s.cmd.Args[:i], s.cmd.Args[i+2:]...)
			break
		}
	}
	var env []string
	for _, e := range s.cmd.Env {
		if !strings.HasPrefix(e, "AWF_AUTH_") && !strings.HasPrefix(e, "ACTIONS_") && !strings.HasPrefix(e, "AZURE_") && !strings.HasPrefix(e, "OPENAI_") {
			env = append(env, e)
		}
	}
	s.cmd.Env = append(env, "AZURE_OPENAI_API_KEY=0123456789abcdef0123456789abcdef")
	s.start()
	status, body := s.message(s.Ready.Listeners[0].URL)
	assert.Equal(t, 403, status)
	assert.Contains(t, body, `"retryable":false`)
	assert.Contains(t, s.stderr.String(), "AZURE_OPENAI_ENDPOINT")
}

// What is missing is said to clients too, and a file that is mended is taken up.
func TestKeepServingWithoutAConfiguration(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	file := filepath.Join(t.TempDir(), "config.yaml")
	good := config(sb, "127.0.0.1:0", "inference")
	s := serveProgram(t, sb, "--keep-serving", "--config", file)
	for i, e := range s.cmd.Env {
		if strings.HasPrefix(e, "AWF_AUTH_ANTHROPIC_ORG") {
			s.cmd.Env[i] = "X=y"
		}
	}
	require.NoError(t, os.WriteFile(file, []byte(regexp.MustCompile("(?m)^ *organization_id:.*\n").ReplaceAllString(good, "")), 0o600))
	s.start()
	status, body := s.message(s.Ready.Listeners[0].URL)
	assert.Equal(t, 403, status)
	assert.Contains(t, body, `"retryable":false`)
	assert.Contains(t, s.stderr.String(), "organization_id")
	status, _ = s.get(s.Ready.Admin + "/readyz")
	assert.Equal(t, 503, status)
	require.NoError(t, os.WriteFile(file, []byte(good), 0o600))
	s.signal(syscall.SIGHUP)
	s.awaitReady()
	status, body = s.message(s.Ready.Listeners[0].URL)
	assert.Equal(t, 200, status, body)
}

// With AWF_AUTH_TYPE absent and a static key present the key is set, in the header
// that gh-aw-firewall's setting names.
func TestStaticKey(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, header, arrives, strip string }{
		{"x-api-key", "", "x-api-key: sk-ant-api03-sandbox", "api-key"},
		{"another header", "x-gateway-key", "x-gateway-key: sk-ant-api03-sandbox", "X_Gateway-Key"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.APIKey = "sk-ant-api03-sandbox" }))
			s := serveProgram(t, sb)
			var env []string
			for _, e := range s.cmd.Env {
				if !strings.HasPrefix(e, "AWF_") && !strings.HasPrefix(e, "ACTIONS_") {
					env = append(env, e)
				}
			}
			s.cmd.Env = append(env, "ANTHROPIC_API_KEY=sk-ant-api03-sandbox", "AWF_ANTHROPIC_AUTH_HEADER="+row.header)
			s.start().awaitReady()
			s.message(s.Ready.Listeners[0].URL, "authorization", "Bearer client", "x-api-key", "client", row.strip, "client")
			seen := sb.Requests(sandbox.Messages)
			require.Len(t, seen, 1)
			head := strings.ToLower(string(seen[0].Head))
			assert.Contains(t, head, row.arrives)
			assert.NotContains(t, head, "client\r\n")
			assert.Zero(t, sb.Counts().Exchanges)
		})
	}
}

// F154: the first signal drains, the second ends at once.
func TestASecondSignalEndsServe(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.Stream.Events, c.Stream.Interval = 1000, 100*time.Millisecond }))
	token := filepath.Join(t.TempDir(), "token")
	s := serveProgram(t, sb, "--sink", "token:"+token, "--sink-cleanup").start().awaitReady()
	require.Eventually(t, func() bool { _, err := os.Stat(token); return err == nil }, 20*time.Second, 5*time.Millisecond)
	req, err := http.NewRequest(http.MethodPost, s.Ready.Listeners[0].URL+"/v1/messages",
		strings.NewReader(strings.Replace(messageBody, "{", `{"stream":true,`, 1)))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	_, err = bufio.NewReader(res.Body).ReadString('\n')
	require.NoError(t, err)
	s.signal(syscall.SIGTERM)
	require.Eventually(t, func() bool { return strings.Contains(s.stderr.String(), "draining") }, 20*time.Second, 5*time.Millisecond)
	_, err = net.Dial("tcp", s.Ready.Listeners[0].Address)
	assert.Error(t, err, "it does not accept any more")
	s.signal(syscall.SIGTERM)
	assert.Equal(t, 143, s.status())
	assert.NoFileExists(t, filepath.Join(s.dir, "ready.json"), "it names a port that others can take now")
	assert.NoFileExists(t, token)
}

// F137: a stream that is cut at the drain timeout is class 7.
func TestADrainThatCuts(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.Stream.Events, c.Stream.Interval = 1000, 100*time.Millisecond }))
	s := serveProgram(t, sb, "--drain-timeout", "100ms").start().awaitReady()
	req, err := http.NewRequest(http.MethodPost, s.Ready.Listeners[0].URL+"/v1/messages",
		strings.NewReader(strings.Replace(messageBody, "{", `{"stream":true,`, 1)))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	s.signal(syscall.SIGTERM)
	_, err = io.ReadAll(res.Body)
	assert.Error(t, err, "the break is visible")
	assert.Equal(t, 7, s.status())
	assert.Contains(t, s.stderr.String(), "1 request was cut")
}

// F155, T43: SIGQUIT prints a fixed text.
func TestQuit(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	s := serveProgram(t, sb).start().awaitReady()
	s.signal(syscall.SIGQUIT)
	assert.Equal(t, 131, s.status())
	assert.Contains(t, s.stderr.String(), "ended by SIGQUIT")
	assert.NotContains(t, s.stderr.String(), "goroutine")
}

// F156, T39: with --die-with-parent serve ends with the process that started it.
func TestDieWithParent(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		flags []string
		ends  bool
	}{{"with the flag", []string{"--die-with-parent"}, true}, {"without", nil, false}} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			sb := sandbox.Start(t)
			s := serveProgram(t, sb, row.flags...)
			sh, err := exec.LookPath("sh")
			require.NoError(t, err)
			s.cmd.Args = append([]string{"sh", "-c", `"$@" & wait`, "sh"}, append([]string{s.cmd.Path}, s.cmd.Args[1:]...)...)
			s.cmd.Path = sh
			s.start().awaitReady()
			require.NoError(t, s.cmd.Process.Kill())
			alive := func() bool { return syscall.Kill(s.Ready.PID, 0) == nil && !zombie(s.Ready.PID) }
			if !row.ends {
				status, _ := s.get(s.Ready.Admin + "/livez")
				assert.Equal(t, 200, status)
				require.NoError(t, syscall.Kill(s.Ready.PID, syscall.SIGTERM))
			}
			require.Eventually(t, func() bool { return !alive() }, 20*time.Second, 10*time.Millisecond)
		})
	}
}

// zombie reports whether a process has ended and waits for its parent.
func zombie(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(data), ") Z ")
}

// Sockets of systemd take the place of --listen, and it is told of our state.
func TestSystemd(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	s := serveProgram(t, sb)
	for i, arg := range s.cmd.Args {
		if arg == "--listen" {
			s.cmd.Args = append(s.cmd.Args[:i], s.cmd.Args[i+2:]...)
			break
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := ln.Addr().String()
	file, err := ln.(*net.TCPListener).File()
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	defer file.Close()
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(s.dir, "notify"), Net: "unixgram"})
	require.NoError(t, err)
	defer manager.Close()
	s.cmd.ExtraFiles = []*os.File{file}
	s.cmd.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh", s.cmd.Path}, s.cmd.Args[1:]...)
	s.cmd.Path, err = exec.LookPath("sh")
	require.NoError(t, err)
	s.cmd.Env = append(s.cmd.Env, "LISTEN_FDS=1", "NOTIFY_SOCKET="+filepath.Join(s.dir, "notify"))
	s.start()
	assert.Equal(t, address, s.Ready.Listeners[0].Address)
	status, body := s.message("http://" + address)
	assert.Equal(t, 200, status, body)
	states := make(chan string, 4)
	go func() {
		b := make([]byte, 1024)
		for {
			n, err := manager.Read(b)
			if err != nil {
				close(states)
				return
			}
			states <- string(b[:n])
		}
	}()
	assert.Contains(t, <-states, "READY=1")
	s.signal(syscall.SIGTERM)
	assert.Equal(t, "STOPPING=1", <-states)
	assert.Equal(t, 0, s.status())
}

// SIGHUP: a broken file changes nothing, a good one is in force, no request is
// dropped (F147, F148).
func TestHangup(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	write := func(allow string) {
		require.NoError(t, os.WriteFile(file, []byte(config(sb, "127.0.0.1:0", allow)), 0o600))
	}
	write("POST /v1/messages")
	s := serveProgram(t, sb, "--config", file).start().awaitReady()
	url := s.Ready.Listeners[0].URL
	status, body := s.message(url)
	require.Equal(t, 200, status, body)
	hangup := func(says string) {
		t.Helper()
		before := strings.Count(s.stderr.String(), says)
		s.signal(syscall.SIGHUP)
		require.Eventually(t, func() bool { return strings.Count(s.stderr.String(), says) > before }, 20*time.Second, 5*time.Millisecond)
	}
	require.NoError(t, os.WriteFile(file, []byte("profiles: ["), 0o600))
	hangup("the old configuration stays")
	status, _ = s.message(url)
	assert.Equal(t, 200, status)
	write("GET /v1/models")
	hangup("reloaded")
	status, _ = s.message(url)
	assert.Equal(t, 403, status)
	write("POST /v1/messages")
	hangup("reloaded")

	stop, failed := make(chan struct{}), make(chan string, 1)
	go func() {
		defer close(failed)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if status, body := s.message(url); status != 200 {
				failed <- fmt.Sprint(status, body)
				return
			}
		}
	}()
	for range 1000 {
		s.signal(syscall.SIGHUP)
	}
	hangup("reloaded")
	close(stop)
	for f := range failed {
		t.Error("a request was dropped: " + f)
	}
	assert.Equal(t, 1, sb.Counts().Exchanges)
}

// F140: certificates are read anew; what is trusted then is used.
func TestHangupReadsCertificates(t *testing.T) {
	t.Parallel()
	sb, other := sandbox.Start(t), sandbox.Start(t, sandbox.WithTLS())
	ca := filepath.Join(t.TempDir(), "ca.pem")
	use := func(from *sandbox.Sandbox) {
		data, err := os.ReadFile(from.CAFile())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(ca, data, 0o600))
	}
	use(other)
	s := serveProgram(t, sb, "--ca-file", ca, "--upstream", sb.TLSURL(sandbox.HostAnthropic)).start().awaitReady()
	status, body := s.message(s.Ready.Listeners[0].URL)
	assert.Equal(t, 502, status, body)
	use(sb)
	s.signal(syscall.SIGHUP)
	require.Eventually(t, func() bool { return strings.Contains(s.stderr.String(), "reloaded") }, 20*time.Second, 5*time.Millisecond)
	status, body = s.message(s.Ready.Listeners[0].URL)
	assert.Equal(t, 200, status, body)
}

// config is a file with one profile and one listener.
func config(sb *sandbox.Sandbox, listen, allow string) string {
	r := sb.Rule()
	return fmt.Sprintf(`
profiles:
  review:
    provider: anthropic
    identity: {type: github}
    federation_rule_id: %s
    organization_id: %s
    service_account_id: %s
    workspace_id: %s
    token_url: %s
serve:
  listeners:
    - {profile: review, listen: %q, upstream: %q, allow: [%q]}
`, r.ID, r.OrganizationID, r.ServiceAccountID, r.Workspaces[0], sb.AnthropicTokenURL(), listen, sb.URL(sandbox.HostAnthropic), allow)
}

// Later steps of a job are pointed at a serve of an earlier one.
func TestEnvOfAServe(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	s := serveProgram(t, sb, "--client-key", "generate").start()
	ready := filepath.Join(s.dir, "ready.json")
	env := func(args ...string) (int, string, string) {
		cmd := program(t, sb, append([]string{"env", "--shell", "json"}, args...)...)
		return outcome(t, cmd)
	}
	status, stdout, stderr := env("--ready-file", ready, "--wait", "20s")
	require.Equal(t, 0, status, stderr)
	var vars map[string]*string
	require.NoError(t, json.Unmarshal([]byte(stdout), &vars))
	assert.Equal(t, s.Ready.Listeners[0].URL, *vars["ANTHROPIC_BASE_URL"])
	assert.Equal(t, s.Ready.ClientKey, *vars["ANTHROPIC_AUTH_TOKEN"])
	assert.Contains(t, vars, "ANTHROPIC_API_KEY")
	assert.NotContains(t, vars, "NO_PROXY")
	code, body := s.message(*vars["ANTHROPIC_BASE_URL"], "Authorization", "Bearer "+*vars["ANTHROPIC_AUTH_TOKEN"])
	assert.Equal(t, 200, code, body)

	key := filepath.Join(s.dir, "key")
	require.NoError(t, os.WriteFile(key, []byte(s.Ready.ClientKey+"\n"), 0o600))
	status, stdout, stderr = env("--via", s.Ready.Listeners[0].Address, "--client-key-file", key)
	require.Equal(t, 0, status, stderr)
	assert.Contains(t, stdout, s.Ready.ClientKey)
	status, stdout, stderr = env("--via", "127.0.0.1:10001", "--provider", "anthropic")
	require.Equal(t, 0, status, stderr)
	assert.Contains(t, stdout, `"ANTHROPIC_AUTH_TOKEN":"awf-cred"`)

	// A file of an earlier serve is no obstacle to --wait.
	stale := filepath.Join(s.dir, "stale.json")
	old, err := json.Marshal(map[string]any{"pid": 1, "listeners": []map[string]any{{"profile": "environment", "provider": "anthropic", "address": "127.0.0.1:1", "url": "http://127.0.0.1:1"}}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(stale, old, 0o600))
	current, err := os.ReadFile(ready)
	require.NoError(t, err)
	rewritten := time.AfterFunc(300*time.Millisecond, func() { _ = os.WriteFile(stale, current, 0o600) })
	defer rewritten.Stop()
	status, stdout, stderr = env("--ready-file", stale, "--wait", "20s")
	require.Equal(t, 0, status, stderr)
	assert.Contains(t, stdout, s.Ready.Listeners[0].URL)

	for _, row := range []struct {
		name   string
		args   []string
		status int
	}{
		{"a ready file that is not there", []string{"--ready-file", filepath.Join(s.dir, "no")}, 5},
		{"nobody there", []string{"--via", "127.0.0.1:1", "--wait", "100ms"}, 5},
		{"a unix socket", []string{"--via", "unix:/x"}, 2},
		{"no address", []string{"--via", "https://example.com/x"}, 2},
		{"both", []string{"--via", "127.0.0.1:1", "--ready-file", ready}, 2},
		{"wait alone", []string{"--wait", "1s"}, 2},
		{"a profile that it does not have", []string{"--ready-file", ready, "--profile", "other"}, 2},
		{"a consumer that nobody is", []string{"--ready-file", ready, "--for", "nobody"}, 2},
	} {
		status, stdout, _ := env(row.args...)
		assert.Equal(t, row.status, status, row.name)
		assert.Empty(t, stdout, row.name)
	}
}

// S11, T04: no core file, and nobody of the same user can look into it.
func TestServeIsClosed(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	s := serveProgram(t, sb).start()
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", s.Ready.PID))
	if err != nil {
		t.Skip("no /proc")
	}
	assert.Regexp(t, `Max core file size +0 `, string(limits))
	info, err := os.Stat(fmt.Sprintf("/proc/%d/environ", s.Ready.PID))
	require.NoError(t, err)
	assert.EqualValues(t, 0, info.Sys().(*syscall.Stat_t).Uid, "a process that is not dumpable belongs to root in /proc")
}

// several is a file with two profiles of one provider.
func several(sb *sandbox.Sandbox) string {
	one := config(sb, "127.0.0.1:0", "inference")
	head, rest, _ := strings.Cut(one, "\nserve:")
	profile := head[strings.Index(head, "  review:"):]
	return head + "\n" + strings.Replace(profile, "review:", "build:", 1) + "\nserve:" + rest +
		fmt.Sprintf("    - {profile: build, listen: \"127.0.0.1:0\", upstream: %q}\n", sb.URL(sandbox.HostAnthropic)) +
		"  admin_listen: 127.0.0.1:0\n"
}

// Several profiles in one process, from the file or from flags.
func TestSeveralProfiles(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(several(sb)), 0o600))
	s := serveProgram(t, sb, "--config", file).start().awaitReady()
	require.Len(t, s.Ready.Listeners, 2)
	for _, l := range s.Ready.Listeners {
		status, body := s.message(l.URL)
		assert.Equal(t, 200, status, body)
	}
	assert.Equal(t, "review", s.Ready.Listeners[0].Profile)
	assert.Contains(t, s.stderr.String(), "AWF_AUTH_ANTHROPIC_", "variables that cannot belong to both are named")
	status, body := s.get(s.Ready.Listeners[0].URL + "/v1/files")
	assert.Equal(t, 403, status, body)

	cmd := program(t, sb, "env", "--shell", "json", "--ready-file", filepath.Join(s.dir, "ready.json"), "--profile", "build", "--config", file)
	code, stdout, stderr := outcome(t, cmd)
	require.Equal(t, 0, code, stderr)
	assert.Contains(t, stdout, s.Ready.Listeners[1].URL)
	cmd = program(t, sb, "env", "--shell", "json", "--ready-file", filepath.Join(s.dir, "ready.json"), "--config", file)
	code, stdout, stderr = outcome(t, cmd)
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "--profile")
	assert.Empty(t, stdout)

	for _, row := range []struct {
		name   string
		flags  []string
		status int
		says   string
	}{
		{"one port for two profiles", []string{"--profile", "review", "--profile", "build"}, 2, "10001"},
		{"one address for two profiles", []string{"--profile", "review", "--profile", "build", "--listen", "127.0.0.1:0"}, 2, "1 addresses for 2 profiles"},
		{"an upstream for two profiles", []string{"--profile", "review", "--profile", "build", "--upstream", "https://a.test"}, 2, "are for one profile"},
		{"an upstream for the two of the file", []string{"--upstream", "https://a.test"}, 2, "are for one profile"},
		{"a profile that is not there", []string{"--profile", "reveiw"}, 2, "did you mean review?"},
	} {
		cmd := program(t, sb, append([]string{"serve", "--config", file}, row.flags...)...)
		code, _, stderr := outcome(t, cmd)
		assert.Equal(t, row.status, code, row.name+": "+stderr)
		assert.Contains(t, stderr, row.says, row.name)
	}
	s.signal(syscall.SIGTERM)
	assert.Equal(t, 0, s.status())
}

// A flag is stronger than the file: for the listener of its serve section too.
func TestTheUpstreamOfTheFlagWins(t *testing.T) {
	t.Parallel()
	sb, other := sandbox.Start(t), sandbox.Start(t)
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(config(sb, "127.0.0.1:0", "inference")), 0o600))
	s := serveProgram(t, sb, "--config", file, "--upstream", other.URL(sandbox.HostAnthropic)).start().awaitReady()
	s.message(s.Ready.Listeners[0].URL)
	assert.NotZero(t, other.Counts().APIRequests)
	assert.Zero(t, sb.Counts().APIRequests)
	status, body := s.get(s.Ready.Listeners[0].URL + "/v1/files")
	assert.Equal(t, 403, status, "its rules stay: "+body)
}

// Files are kept fresh without a proxy beside them, and removed at the end.
func TestSinksAlone(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	s := serveProgram(t, sb)
	file := func(name string) string { return filepath.Join(s.dir, name) }
	s.cmd.Args = []string{s.cmd.Args[0], "serve", "--ready-file", file("ready.json"), "--admin-listen", "127.0.0.1:0", "--sink-cleanup",
		"--sink", "token:" + file("token"), "--sink", "json:" + file("json"), "--sink", "dotenv:" + file("env"),
		"--sink", "anthropic-credentials:" + file("sdk.json"), "--sink", "identity-token:" + file("jwt")}
	s.start()
	assert.Empty(t, s.Ready.Listeners)
	holds := func(name, want string) {
		t.Helper()
		require.Eventually(t, func() bool {
			data, _ := os.ReadFile(file(name))
			return strings.Contains(string(data), want)
		}, 20*time.Second, 5*time.Millisecond, name)
	}
	holds("token", "sk-ant-oat01-")
	holds("json", `"token":"sk-ant-oat01-`)
	holds("env", "ANTHROPIC_AUTH_TOKEN=")
	holds("sdk.json", `"type":"oauth_token"`)
	holds("jwt", "eyJ")
	s.signal(syscall.SIGTERM)
	assert.Equal(t, 0, s.status())
	for _, name := range []string{"token", "json", "env", "sdk.json", "jwt"} {
		_, err := os.Stat(file(name))
		assert.ErrorIs(t, err, os.ErrNotExist, name)
	}
	for _, row := range []struct{ sink, says string }{
		{"token", "KIND:PATH"}, {"tokens:/x", "did you mean token?"}, {"aws-credentials:/x", "has no such file"},
		{"token:" + file("no/such/file"), "(storage, exit 6)"},
	} {
		_, _, stderr := outcome(t, program(t, sb, "serve", "--sink", row.sink))
		assert.Contains(t, stderr, row.says, row.sink)
	}
}

// A tool that makes its own exchange wants an identity token and nothing else: no
// settings of an exchange are needed, and none is made.
func TestServeKeepsAnIdentityTokenAlone(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	s := serveProgram(t, sb)
	audit := filepath.Join(s.dir, "audit")
	s.cmd.Args = []string{s.cmd.Args[0], "serve", "--ready-file", filepath.Join(s.dir, "ready.json"), "--admin-listen", "127.0.0.1:0", "--audit-log", audit,
		"--sink", "identity-token:" + filepath.Join(s.dir, "jwt"), "--oidc-audience", "https://tool.example.test"}
	s.cmd.Env = append(append(os.Environ(), "HOME="+s.dir, "XDG_CACHE_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir), sb.GitHubEnv()...)
	s.cmd.Env = append(s.cmd.Env, "AWF_AUTH_TYPE=", "AWF_AUTH_PROVIDER=")
	s.start().awaitReady()
	var data []byte
	require.Eventually(t, func() bool {
		var err error
		data, err = os.ReadFile(filepath.Join(s.dir, "jwt"))
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	parts := strings.Split(strings.TrimSpace(string(data)), ".")
	require.Len(t, parts, 3)
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	assert.Contains(t, string(claims), `"aud":"https://tool.example.test"`)
	counts := sb.Counts()
	assert.Zero(t, counts.Exchanges)
	said, err := os.ReadFile(audit)
	require.NoError(t, err)
	assert.Contains(t, string(said), `"event":"mint"`)
	assert.NotContains(t, string(said), `"event":"exchange"`)
}

// Google's libraries run the command of the file elsewhere: what flags said of the
// identity is in it, with whole paths.
func TestTheFileForGooglesLibraries(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	s := serveProgram(t, sb)
	jwt := sb.MintToken(sandbox.Token{Audience: "https://iam.googleapis.com/" + sb.Pool().Provider})
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "jwt"), []byte(jwt), 0o600))
	s.cmd.Dir = s.dir
	s.cmd.Args = []string{s.cmd.Args[0], "serve", "--ready-file", filepath.Join(s.dir, "ready.json"), "--admin-listen", "127.0.0.1:0", "--sink", "gcp-credentials:google.json",
		"--identity", "file:jwt", "--oidc-audience", "https://iam.googleapis.com/" + sb.Pool().Provider}
	s.cmd.Env = append(s.cmd.Env, sb.GCPEnv()...)
	s.start().awaitReady()
	var file struct {
		Source struct {
			Executable struct{ Command string }
		} `json:"credential_source"`
	}
	require.Eventually(t, func() bool {
		data, err := os.ReadFile(filepath.Join(s.dir, "google.json"))
		return err == nil && json.Unmarshal(data, &file) == nil
	}, 10*time.Second, 10*time.Millisecond)
	words := strings.Fields(file.Source.Executable.Command)
	require.Greater(t, len(words), 1)
	cmd := program(t, sb, words[1:]...)
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "AWF_AUTH_PROVIDER=gcp") // no job, no settings
	code, stdout, stderr := outcome(t, cmd)
	require.Equal(t, 0, code, stderr)
	assert.Contains(t, stdout, `"id_token":"`+jwt+`"`)
	for _, row := range [][]string{{"token:x", "json:x"}, {"json:x", "json:./x"}} {
		code, _, stderr = outcome(t, program(t, sb, "serve", "--sink", row[0], "--sink", row[1]))
		assert.Equal(t, 2, code, stderr)
		assert.Contains(t, stderr, "another sink writes this file")
	}
}

// The credentials endpoint gives an AWS SDK what env prints the way to.
func TestContainerCredentials(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	s := serveProgram(t, sb)
	s.cmd.Args = []string{s.cmd.Args[0], "serve", "--ready-file", filepath.Join(s.dir, "ready.json"), "--admin-listen", "127.0.0.1:0", "--credentials-endpoint", "127.0.0.1:0"}
	s.cmd.Env = append(s.cmd.Env, sb.AWSEnv()...)
	s.start().awaitReady()
	cmd := program(t, sb, "env", "--shell", "json", "--for", "aws-sdk", "--ready-file", filepath.Join(s.dir, "ready.json"))
	code, stdout, stderr := outcome(t, cmd)
	require.Equal(t, 0, code, stderr)
	var vars map[string]*string
	require.NoError(t, json.Unmarshal([]byte(stdout), &vars))
	for _, stronger := range []string{"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_BEARER_TOKEN_BEDROCK", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		value, removed := vars[stronger]
		assert.True(t, removed && value == nil, "what an SDK prefers goes: %s", stronger)
	}
	req, err := http.NewRequest(http.MethodGet, *vars["AWS_CONTAINER_CREDENTIALS_FULL_URI"], nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", *vars["AWS_CONTAINER_AUTHORIZATION_TOKEN"])
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	var got map[string]string
	require.NoError(t, json.NewDecoder(res.Body).Decode(&got))
	assert.Regexp(t, "^ASIA", got["AccessKeyId"])
	assert.NotEmpty(t, got["Token"])
	status, _ := s.get(*vars["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
	assert.Equal(t, 401, status)
	code, _, stderr = outcome(t, program(t, sb, "serve", "--credentials-endpoint", "127.0.0.1:0", "--ready-file", filepath.Join(t.TempDir(), "ready.json")))
	assert.Equal(t, 2, code, stderr)
	static := program(t, sb, "serve", "--credentials-endpoint", "127.0.0.1:0", "--ready-file", filepath.Join(t.TempDir(), "ready.json"))
	static.Env = append(static.Env, "AWF_AUTH_TYPE=", "AWF_AUTH_PROVIDER=aws", "AWS_BEARER_TOKEN_BEDROCK=bedrock-key", "AWS_REGION=us-east-1")
	code, _, stderr = outcome(t, static)
	assert.Equal(t, 2, code, stderr)
	assert.Contains(t, stderr, "AWS_BEARER_TOKEN_BEDROCK is none")
}

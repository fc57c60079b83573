//go:build linux

package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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
)

// spoken is what a process said so far.
type spoken struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// server is a running `awf-cred serve`.
type server struct {
	*process
	w       *world
	said    *spoken
	ready   string // the ready file
	address string // of the first listener
	admin   string
	client  *http.Client
}

// serving starts serve in front of an upstream, with a free port and an admin
// listener, and waits until it is bound.
func (w *world) serving(upstream string, flags ...string) *server {
	w.t.Helper()
	s := w.starting(upstream, flags...)
	s.await("bound", func() bool { return s.bound() })
	return s
}

// starting is serving without the wait.
func (w *world) starting(upstream string, flags ...string) *server {
	w.t.Helper()
	dir := w.t.TempDir()
	s := &server{w: w, said: &spoken{}, ready: filepath.Join(dir, "ready.json")}
	args := []string{"serve", "--ready-file", s.ready}
	has := func(flag string) bool { return strings.Contains(" "+strings.Join(flags, " ")+" ", " "+flag+" ") }
	for flag, value := range map[string]string{"--listen": "127.0.0.1:0", "--admin-listen": "127.0.0.1:0", "--upstream": upstream} {
		if !has(flag) && value != "" {
			args = append(args, flag, value)
		}
	}
	cmd := w.command(append(args, flags...)...)
	cmd.Stderr = s.said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.process = w.start(cmd)
	transport := &http.Transport{}
	s.client = &http.Client{Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w.t.Cleanup(func() {
		transport.CloseIdleConnections()
		if w.t.Failed() {
			text := s.said.String()
			w.t.Log(text[max(0, len(text)-3000):])
		}
	})
	return s
}

func (s *server) bound() bool {
	var ready struct {
		Listeners []struct{ Address string }
		Admin     *string
	}
	data, err := os.ReadFile(s.ready)
	if err != nil || json.Unmarshal(data, &ready) != nil || len(ready.Listeners) == 0 {
		return false
	}
	s.address = ready.Listeners[0].Address
	if ready.Admin != nil {
		s.admin = *ready.Admin
	}
	return true
}

// live waits until serve holds a credential.
func (s *server) live() *server {
	s.t.Helper()
	s.await("ready", func() bool { status, _ := s.get("/readyz"); return status == 200 })
	return s
}

func (s *server) await(what string, holds func() bool) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		select {
		case <-s.done:
			return true
		default:
			return holds()
		}
	}, 30*time.Second, 10*time.Millisecond, "serve is not %s", what)
}

// get asks the admin listener.
func (s *server) get(path string) (int, string) {
	res, err := s.client.Get(s.admin + path)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

// metric is the sum of the samples of the admin listener that begin so.
func (s *server) metric(prefix string) (sum float64) {
	_, text := s.get("/metrics")
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), prefix); ok {
			if i := strings.LastIndexByte(rest, ' '); i >= 0 {
				value, _ := strconv.ParseFloat(rest[i+1:], 64)
				sum += value
			}
		}
	}
	return sum
}

const askBody = `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`

// ask sends one message over a kept connection.
func (s *server) ask() (int, string) { return s.post(askBody) }

func (s *server) post(body string) (int, string) {
	res, err := s.client.Post("http://"+s.address+"/v1/messages", "application/json", strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return -res.StatusCode, err.Error() // broken in the body
	}
	return res.StatusCode, string(text)
}

// alive reports whether a plain request to /health on a new connection succeeds
// within a second (invariant I6), or within more on a busy machine.
func (s *server) alive() bool {
	reply, err := s.raw("GET /health HTTP/1.1\r\nHost: "+s.address+"\r\nConnection: close\r\n\r\n", 5*time.Second)
	return err == nil && strings.HasPrefix(reply, "HTTP/1.1 ")
}

// dial connects a raw client.
func (s *server) dial() net.Conn {
	s.t.Helper()
	c, err := net.DialTimeout("tcp", s.address, 10*time.Second)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// raw sends bytes and reads until the connection ends; the error tells a break.
func (s *server) raw(text string, within time.Duration) (string, error) {
	c, err := net.DialTimeout("tcp", s.address, 10*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(within))
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	reply, err := io.ReadAll(c)
	return string(reply), err
}

// request is a raw request whose answer ends with the connection.
func (s *server) request(method, path, body string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		method, path, s.address, len(body), body)
}

// terminate sends SIGTERM and returns the status.
func (s *server) terminate() result {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	return s.wait()
}

// proc reads a figure of /proc/PID/status, in KiB.
func (s *server) proc(name string) int {
	data, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "status"))
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return n
		}
	}
	return 0
}

// cpu is the processor time that it has used.
func (s *server) cpu() time.Duration {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "stat"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// upstream is a server of raw connections. Each is handled by itself and closed
// when its handler returns, unless it is kept.
type upstream struct {
	t  *testing.T
	ln net.Listener

	mu    sync.Mutex
	count int
	wg    sync.WaitGroup
}

// newUpstream listens on a loopback port until the end of the test.
func newUpstream(t *testing.T, handle func(c *upConn)) *upstream {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return upstreamOn(t, ln, handle)
}

func upstreamOn(t *testing.T, ln net.Listener, handle func(c *upConn)) *upstream {
	u := &upstream{t: t, ln: ln}
	ctx, cancel := context.WithCancel(context.Background())
	u.wg.Go(func() {
		for {
			raw, err := ln.Accept()
			if err != nil {
				return
			}
			u.mu.Lock()
			u.count++
			c := &upConn{Conn: raw, n: u.count, br: bufio.NewReader(raw)}
			u.mu.Unlock()
			u.wg.Go(func() {
				stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
				defer stop()
				defer raw.Close()
				handle(c)
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); cancel(); u.wg.Wait() })
	return u
}

func (u *upstream) url() string { return "http://" + u.ln.Addr().String() }

// connections is how many were accepted.
func (u *upstream) connections() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.count
}

// upConn is a connection at the upstream; n counts them from 1.
type upConn struct {
	net.Conn
	n  int
	br *bufio.Reader
}

// next reads a request with its body.
func (c *upConn) next() (*http.Request, []byte, error) {
	r, err := http.ReadRequest(c.br)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(r.Body)
	return r, body, err
}

func (c *upConn) say(text string) { _, _ = io.WriteString(c.Conn, text) }

// reset ends the connection with a RST.
func (c *upConn) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// gone waits until the other side has closed, and reports whether it did in time.
func (c *upConn) gone(within time.Duration) bool {
	_ = c.SetReadDeadline(time.Now().Add(within))
	for {
		_, err := c.br.ReadByte()
		if err != nil {
			return !errors.Is(err, os.ErrDeadlineExceeded)
		}
	}
}

const okReply = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"

// sleep waits; only for what has no event to wait for.
func sleep(d time.Duration) { <-time.After(d) }

// shell is `awf-cred exec` of a bash script.
func (w *world) shell(script string, flags ...string) *exec.Cmd {
	w.t.Helper()
	need(w.t, "bash")
	args := append([]string{"exec"}, flags...)
	return w.command(append(args, "--", "bash", "-c", script)...)
}

//go:build linux

package chaos

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// failsToStart runs serve with these flags and expects it to end so.
func (c *check) failsToStart(w *world, code int, name string, flags ...string) result {
	c.t.Helper()
	s := w.starting("", append([]string{"--upstream", w.sb.PlainURL(sandbox.HostAnthropic)}, flags...)...)
	r := s.wait()
	r.err = s.said.String()
	c.that(r.code == code && r.out == "" && clean(r.err) && r.took < 20*time.Second, "%s, want exit %d: %v", name, code, r)
	c.that(w.exchanges() == 0 && w.mints() == 0, "%s: nothing is spent: %v", name, w.sb.Counts().Tally)
	return r
}

func TestF144WhereItCannotListen(t *testing.T) {
	t.Parallel()
	c := row(t, "F144", "port in use, address not ours, socket path too long, live, a file: class 7; a stale one of ours is replaced")
	w := newWorld(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	c.failsToStart(w, 7, "a port in use", "--listen", taken.Addr().String())
	key := filepath.Join(w.home, "key")
	write(t, key, "0123456789abcdef0123456789abcdef\n", 0o600)
	c.failsToStart(w, 7, "an address that is not ours", "--listen", "203.0.113.1:10001", "--allow-remote", "--client-key-file", key)
	dir, err := os.MkdirTemp("", "s")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c.failsToStart(w, 7, "a long path", "--listen", "unix:"+filepath.Join(dir, strings.Repeat("x", 200)))
	path := filepath.Join(dir, "socket")
	live, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	require.NoError(t, err)
	live.SetUnlinkOnClose(false)
	c.failsToStart(w, 7, "a live socket", "--listen", "unix:"+path)
	c.that(exists(path), "the live socket is still there")
	_ = live.Close()
	s := w.fresh().serving(w.sb.PlainURL(sandbox.HostAnthropic), "--listen", "unix:"+path)
	c.that(s.address == "unix:"+path, "a stale socket is replaced: %q", s.address)
	info, err := os.Stat(path)
	c.that(err == nil && info.Mode().Perm() == 0o600, "mode %v", info)
	r := s.terminate()
	c.that(r.code == 0 && !exists(path), "and removed at the end: %v", r)
	file := filepath.Join(dir, "file")
	write(t, file, "precious", 0o600)
	w = newWorld(t)
	c.failsToStart(w, 7, "a regular file", "--listen", "unix:"+file)
	data, _ := os.ReadFile(file)
	c.that(string(data) == "precious", "the file is left alone")
	require.NoError(t, os.Symlink(file, filepath.Join(dir, "link")))
	c.failsToStart(w, 7, "a link", "--listen", "unix:"+filepath.Join(dir, "link"))
	if os.Geteuid() == 0 {
		foreign, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "foreign")})
		require.NoError(t, err)
		foreign.SetUnlinkOnClose(false)
		_ = foreign.Close()
		require.NoError(t, os.Chown(filepath.Join(dir, "foreign"), 65534, 65534))
		c.failsToStart(w, 7, "a stale socket of another user", "--listen", "unix:"+filepath.Join(dir, "foreign"))
	}
}

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

func TestF145WhereItCannotPublish(t *testing.T) {
	t.Parallel()
	c := row(t, "F145", "ready file or descriptor that cannot be written: class 6, admin listener: class 7, before anything is served")
	w := newWorld(t)
	port := closedPort(t)
	nobody := func(name string) {
		_, err := net.DialTimeout("tcp", port, time.Second)
		c.that(err != nil, "%s: something listens", name)
	}
	for name, flags := range map[string][]string{
		"no such directory": {"--ready-file", filepath.Join(w.home, "no", "ready")},
		"a directory":       {"--ready-file", w.home},
		"a device":          {"--ready-file", "/dev/full"},
		"closed descriptor": {"--ready-fd", "17"},
	} {
		c.failsToStart(w, 6, name, append(flags, "--listen", port)...)
		nobody(name)
	}
	fifo := filepath.Join(w.home, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	c.failsToStart(w, 6, "a FIFO without a reader", "--ready-file", fifo, "--listen", port)
	nobody("FIFO")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	c.failsToStart(w, 7, "the admin listener's port in use", "--admin-listen", taken.Addr().String(), "--listen", port)
	nobody("admin")

	// A pipe that is full and that nobody reads.
	r, full, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close(); _ = full.Close() })
	_ = full.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	_, _ = full.Write(make([]byte, 1<<20))
	cmd := w.command("serve", "--listen", port, "--upstream", w.sb.PlainURL(sandbox.HostAnthropic), "--ready-fd", "3")
	cmd.ExtraFiles = []*os.File{full}
	res := w.runCmd(cmd)
	c.that(res.fails(6) && res.took < 20*time.Second, "a full pipe without a reader, want exit 6: %v", res)
	nobody("full pipe")
}

// busy keeps clients asking until it is stopped, and returns what was not 200.
func (s *server) busy(clients int) (stop func() (asked int64, bad []string)) {
	end := make(chan struct{})
	var all sync.WaitGroup
	var mu sync.Mutex
	var asked atomic.Int64
	var bad []string
	for range clients {
		all.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				status, body := s.ask()
				asked.Add(1)
				if status != 200 {
					mu.Lock()
					bad = append(bad, fmt.Sprint(status, " ", body[:min(len(body), 300)]))
					mu.Unlock()
				}
			}
		})
	}
	return func() (int64, []string) {
		close(end)
		all.Wait()
		return asked.Load(), bad
	}
}

func TestF147F148SIGHUP(t *testing.T) {
	t.Parallel()
	c := row(t, "F147, F148", "SIGHUP again and again under load, with a good and a broken configuration: 0 requests dropped, the old one stays, no leak")
	w := newWorld(t)
	file := filepath.Join(w.home, "config.yaml")
	good := "version: 1\nprofiles:\n  other: {provider: anthropic}\n"
	write(t, file, good, 0o600)
	s := w.serving(w.sb.PlainURL(sandbox.HostAnthropic), "--config", file).live()
	_, _ = s.ask()
	stop := s.busy(4)
	for range 20 { // warm up: connections and stacks
		_ = s.cmd.Process.Signal(syscall.SIGHUP)
		sleep(10 * time.Millisecond)
	}
	fds, goroutines := s.metric("process_open_fds"), s.metric("go_goroutines")
	for range much(1000, 60) {
		_ = s.cmd.Process.Signal(syscall.SIGHUP)
		sleep(5 * time.Millisecond)
	}
	s.await("reloaded", func() bool { return strings.Contains(s.said.String(), "msg=reloaded") })
	for _, broken := range []string{"version: [", "version: 1\nunknown: 1\n", "", "\x00"} {
		write(t, file, broken+"\nx:", 0o600)
		before := countLines(s.said.String(), "level=ERROR") + countLines(s.said.String(), "level=WARN")
		_ = s.cmd.Process.Signal(syscall.SIGHUP)
		s.await("told", func() bool {
			return countLines(s.said.String(), "level=ERROR")+countLines(s.said.String(), "level=WARN") > before
		})
		status, body := s.ask()
		c.that(status == 200, "with a broken configuration: %d %s", status, body)
	}
	asked, bad := stop()
	c.that(len(bad) == 0, "%d of %d requests: %v", len(bad), asked, bad[:min(len(bad), 3)])
	s.client.CloseIdleConnections()
	s.await("settled", func() bool { return s.metric("process_open_fds") <= fds && s.metric("go_goroutines") <= goroutines })
	c.that(s.metric("process_open_fds") <= fds && s.metric("go_goroutines") <= goroutines, "descriptors %v, now %v; goroutines %v, now %v",
		fds, s.metric("process_open_fds"), goroutines, s.metric("go_goroutines"))
	c.that(w.exchanges() == 1, "%d exchanges", w.exchanges())
	c.that(clean(s.said.String()), "clean text")
	r := s.terminate()
	c.that(r.code == 0, "%v", r)
	c.note("%d requests", asked)
}

//go:build unix

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// activate makes a service manager pass files, with names joined by a colon.
func (s *served) activate(names string, files ...*os.File) {
	s.t.Helper()
	for i, arg := range s.cmd.Args {
		if arg == "--listen" {
			s.cmd.Args = append(s.cmd.Args[:i], s.cmd.Args[i+2:]...)
			break
		}
	}
	s.cmd.ExtraFiles = files
	s.cmd.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh", s.cmd.Path}, s.cmd.Args[1:]...)
	var err error
	s.cmd.Path, err = exec.LookPath("sh")
	require.NoError(s.t, err)
	s.cmd.Env = append(s.cmd.Env, "LISTEN_FDS="+string(rune('0'+len(files))), "LISTEN_FDNAMES="+names)
}

// manager is the socket on which a service manager hears of our state.
func (s *served) manager() (said func() string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = c.Close() })
	s.cmd.Env = append(s.cmd.Env, "NOTIFY_SOCKET="+path)
	return func() string {
		b := make([]byte, 1024)
		require.NoError(s.t, c.SetReadDeadline(time.Now().Add(20*time.Second)))
		n, err := c.Read(b)
		require.NoError(s.t, err)
		return string(b[:n])
	}
}

// bound is a socket as a service manager binds it.
func bound(t *testing.T, network, address string) (*os.File, string) {
	t.Helper()
	ln, err := net.Listen(network, address)
	require.NoError(t, err)
	var f *os.File
	if tcp, ok := ln.(*net.TCPListener); ok {
		f, err = tcp.File()
	} else {
		ln.(*net.UnixListener).SetUnlinkOnClose(false)
		f, err = ln.(*net.UnixListener).File()
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	require.NoError(t, ln.Close())
	return f, ln.Addr().String()
}

// T10: what holds for our own addresses holds for those that were passed, and what
// is no listening socket is named instead of being replaced by the default port.
func TestSocketsThatMustNotBeServed(t *testing.T) {
	t.Parallel()
	anywhere, _ := bound(t, "tcp", "0.0.0.0:0")
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer packets.Close()
	datagrams, err := packets.(*net.UDPConn).File()
	require.NoError(t, err)
	defer datagrams.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	defer file.Close()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	defer syscall.Close(pair[1])
	connected := os.NewFile(uintptr(pair[0]), "connected")
	defer connected.Close()
	for _, row := range []struct {
		name  string
		file  *os.File
		flags []string
		says  string
	}{
		{"every address", anywhere, nil, "--allow-remote permits it"},
		{"every address without a key", anywhere, []string{"--allow-remote"}, "needs a client key"},
		{"datagrams", datagrams, nil, `"api"`},
		{"a file", file, nil, "is not a socket"},
		{"a connection (Accept=yes)", connected, nil, "leave Accept=no"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := serveProgram(t, sandbox.Start(t), row.flags...)
			s.activate("api", row.file)
			assert.Equal(t, 2, statusOf(t, s.cmd.Run()), s.stderr.String())
			assert.Contains(t, s.stderr.String(), row.says)
		})
	}
}

// Sockets take the place of the addresses of the config file and of nothing else:
// its rules stay. Their order is certain within one unit only, their names always.
func TestSocketsForTheListenersOfTheFile(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(several(sb)), 0o600))
	first, firstAddress := bound(t, "tcp", "127.0.0.1:0")
	second, secondAddress := bound(t, "tcp", "127.0.0.1:0")
	for _, row := range []struct {
		name, names   string
		review, build string
	}{
		{"in order", "", firstAddress, secondAddress},
		{"named like the profiles", "build:review", secondAddress, firstAddress},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := serveProgram(t, sb, "--config", file)
			s.activate(row.names, first, second)
			s.start().awaitReady()
			require.Len(t, s.Ready.Listeners, 2)
			at := map[string]string{}
			for _, l := range s.Ready.Listeners {
				at[l.Profile] = l.Address
			}
			assert.Equal(t, map[string]string{"review": row.review, "build": row.build}, at)
			status, body := s.get("http://" + row.review + "/v1/files")
			assert.Equal(t, 403, status, "the rules of the file: "+body)
			s.signal(syscall.SIGTERM)
			assert.Equal(t, 0, s.status())
		})
	}
	for _, row := range []struct {
		name, names, says string
		files             []*os.File
	}{
		{"too few", "", "1 sockets of the service manager for 2 listeners", []*os.File{first}},
		{"one that is named", "build:other", "FileDescriptorName=PROFILE", []*os.File{first, second}},
	} {
		s := serveProgram(t, sb, "--config", file)
		s.activate(row.names, row.files...)
		assert.Equal(t, 2, statusOf(t, s.cmd.Run()), row.name)
		assert.Contains(t, s.stderr.String(), row.says, row.name)
	}
}

// A service manager is told that a reload begins, when, and that it is over; and
// of life as often as it wants to hear of it.
func TestTheServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	s := serveProgram(t, sb)
	said := s.manager()
	s.start()
	assert.Equal(t, "READY=1", said())
	s.signal(syscall.SIGHUP)
	begun := said()
	assert.True(t, strings.HasPrefix(begun, "RELOADING=1\nMONOTONIC_USEC="), begun)
	assert.Equal(t, "READY=1", said())
	s.signal(syscall.SIGTERM)
	assert.Equal(t, "STOPPING=1", said())
	assert.Equal(t, 0, s.status())

	s = serveProgram(t, sb)
	said = s.manager()
	s.cmd.Env = append(s.cmd.Env, "WATCHDOG_USEC=100000")
	s.start()
	heard := map[string]int{}
	for heard["WATCHDOG=1"] < 3 || heard["READY=1"] < 1 {
		heard[said()]++
	}
	s.signal(syscall.SIGTERM)
	assert.Equal(t, 0, s.status())
}

package serve_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/serve"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// A socket that a service manager bound with its default mode lets everybody
// connect; without a client key it serves our user only, with one whoever shows it.
func TestAnotherUserOnAPassedSocket(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	const key = "0123456789abcdef"
	for _, row := range []struct {
		name   string
		change func(*serve.Options)
		want   string
	}{
		{"without a key", func(*serve.Options) {}, ""},
		{"with a key", func(o *serve.Options) { o.Key, _ = proxy.NewKey(secret.New(key)) }, "HTTP/1.1 200"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp("/tmp", "awf-peer") // others can reach it
			require.NoError(t, err)
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			require.NoError(t, os.Chmod(dir, 0o755))
			path := filepath.Join(dir, "s")
			ln, err := net.Listen("unix", path)
			require.NoError(t, err)
			require.NoError(t, os.Chmod(path, 0o666))
			f, err := ln.(*net.UnixListener).File()
			require.NoError(t, err)
			ln.(*net.UnixListener).SetUnlinkOnClose(false)
			require.NoError(t, ln.Close())
			passed, err := serve.Inherit([]*os.File{f})
			require.NoError(t, err)
			w := newWorld(t).start(func(o *serve.Options) { o.Plan.Listeners[0].Bound = passed[0].Listener }, row.change)
			w.awaitReady()
			answer := asNobody(t, path, "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nx-api-key: "+key+"\r\nConnection: close\r\n\r\n")
			if row.want == "" {
				assert.Empty(t, answer)
				assert.Contains(t, w.log.String(), "turned away")
				return
			}
			assert.True(t, strings.HasPrefix(answer, row.want), answer)
		})
	}
}

// asNobody sends a request from a thread of another user, and returns what came.
func asNobody(t *testing.T, path, request string) string {
	t.Helper()
	answer := make(chan string)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		var got []byte
		defer func() { answer <- string(got) }()
		if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534); e != 0 {
			got = []byte(e.Error())
			return
		}
		c, err := net.Dial("unix", path)
		if err != nil {
			got = []byte(err.Error())
			return
		}
		defer c.Close()
		_, _ = c.Write([]byte(request))
		got, _ = io.ReadAll(c)
	}()
	return <-answer
}

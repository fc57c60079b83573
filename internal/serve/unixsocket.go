package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// longestSocket is the longest path of a unix socket on every platform (108 bytes
// with the final zero on Linux, 104 on macOS).
const longestSocket = 103

// listenUnix binds a socket that only we can connect to. A socket that is there
// already is replaced only if it is ours and nobody listens on it; anything else
// in its place is left alone.
func listenUnix(path string) (net.Listener, error) {
	fail := func(err error) (net.Listener, error) {
		return nil, &exchange.Error{Step: "listen on " + unixPrefix + path, Cause: exchange.Proxy, Err: err,
			Hint: "choose a new path, of at most " + strconv.Itoa(longestSocket) + " bytes, in a folder that exists and is ours"}
	}
	if path == "" {
		return nil, usage("listen %q: the path is missing", unixPrefix)
	}
	if len(path) > longestSocket {
		return fail(fmt.Errorf("the path has %d bytes, more than the %d that a socket's may have", len(path), longestSocket))
	}
	if err := clearStale(path); err != nil {
		return fail(err)
	}
	config := net.ListenConfig{Control: privateSocket}
	ln, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return fail(plainError(err))
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = ln.Close()
		return fail(err)
	}
	return newPeerListener(ln.(*net.UnixListener)), nil
}

// clearStale removes a socket of ours on which nobody listens.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("there is something else than a socket in its place, which is left alone")
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "unix", path)
	if err == nil {
		_ = conn.Close()
		return errors.New("another process listens there")
	}
	if !refused(err) {
		return fmt.Errorf("there is a socket whose state is not clear: %w", plainError(err))
	}
	if !ownFile(info) {
		return errors.New("there is a socket of another user")
	}
	return os.Remove(path)
}

// peerListener accepts connections of processes of our user, and of root.
type peerListener struct {
	*net.UnixListener
	log  *slog.Logger
	told sync.Once
}

func newPeerListener(ln *net.UnixListener) *peerListener {
	return &peerListener{UnixListener: ln, log: slog.New(slog.DiscardHandler)}
}

// Accept returns the next connection of somebody who may connect.
func (l *peerListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		uid, known := peerUID(conn)
		if !known || uid == 0 || uid == os.Geteuid() {
			return conn, nil
		}
		l.told.Do(func() { // its client sees an end without an answer
			l.log.Warn("a process of another user was turned away: without a client key a unix socket is for our user", "address", unixPrefix+l.Addr().String(), "uid", uid)
		})
		_ = conn.Close()
	}
}

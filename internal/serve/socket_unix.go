//go:build unix

package serve

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// privateSocket gives a unix socket its mode before it has a name: on Linux the
// file gets the mode that the socket has at bind, less the umask, so that there is
// no moment in which others can connect.
func privateSocket(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) { _ = unix.Fchmod(int(fd), 0o600) }) // chmod of the path follows
}

// refused reports whether a connection failed because nobody listens.
func refused(err error) bool { return errors.Is(err, unix.ECONNREFUSED) }

// ownFile reports whether a file is ours.
func ownFile(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// listening reports whether a file is a socket that accepts connections.
func listening(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var accepts int
	if ctl := raw.Control(func(fd uintptr) { accepts, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ACCEPTCONN) }); ctl != nil {
		return ctl
	}
	switch {
	case err != nil:
		return errors.New("is not a socket")
	case accepts == 0:
		return errors.New("is not a socket that listens for connections")
	}
	return nil
}

//go:build unix

package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// The system calls are made directly: package os registers every file that it
// opens with the poller, which costs a cache hit more than the read itself.

// again repeats a call that a signal interrupted.
func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func openat(dir int, name string, flags int, mode fs.FileMode) (fd int, err error) {
	err = again(func() error {
		fd, err = unix.Openat(dir, name, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, uint32(mode))
		return err
	})
	return fd, err
}

func closeFD(fd int) { _ = unix.Close(fd) }

func fstat(fd int) (Info, error) {
	var st unix.Stat_t
	if err := again(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return Info{}, err
	}
	return infoOf(&st), nil
}

func lstatat(dir int, name string) (Info, error) {
	var st unix.Stat_t
	err := again(func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		return Info{}, err
	}
	return infoOf(&st), nil
}

func infoOf(st *unix.Stat_t) Info {
	mode := fs.FileMode(st.Mode & 0o777)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	case unix.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		mode |= fs.ModeSocket
	default:
		mode |= fs.ModeDevice
	}
	sec, nsec := st.Mtim.Unix()
	return Info{
		Mode: mode, Owner: int(st.Uid), Links: uint64(st.Nlink), //nolint:unconvert // the width differs between systems
		Size: st.Size, ModTime: time.Unix(sec, nsec),
		id: fileID{uint64(st.Dev), uint64(st.Ino)}, //nolint:unconvert // as above
	}
}

// readAll reads fd to its end; more than limit bytes are an error.
func readAll(fd int, limit int64, size int64) ([]byte, error) {
	buf := make([]byte, 0, min(max(size, 255), limit)+1) // files of /proc have no size
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		var n int
		err := again(func() (err error) {
			n, err = unix.Read(fd, buf[len(buf):cap(buf)])
			return err
		})
		switch {
		case err != nil:
			return nil, err
		case n == 0:
			return buf, nil
		case int64(len(buf)+n) > limit:
			return nil, ErrTooLarge
		}
		buf = buf[:len(buf)+n]
	}
}

// writeAll writes all of data, in as many calls as the system wants.
func writeAll(fd int, data []byte) error {
	for len(data) > 0 {
		var n int
		err := again(func() (err error) {
			n, err = unix.Write(fd, data)
			return err
		})
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrShortWrite
		}
		data = data[n:]
	}
	return nil
}

// syncFD flushes to the disk. Some file systems know no such call, on directories
// above all; that is their promise to keep, not a failure.
func syncFD(fd int) error {
	err := again(func() error { return unix.Fsync(fd) })
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}

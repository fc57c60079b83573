//go:build unix

package atomicfile

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Append adds data to a file that exists, whole or not at all: a write that ends
// early is taken back. A last line without its end gets one first, so that data
// begins on a line of its own. The file may be readable by others; it is a
// regular file with one name, ours or root's. Root also takes a file whose
// directory has the same owner: in a container job the runner's files belong to
// the runner.
func Append(path string, data []byte) error {
	fd, err := openat(unix.AT_FDCWD, path, unix.O_RDWR|unix.O_APPEND, 0)
	if err != nil {
		if info, statErr := lstatat(unix.AT_FDCWD, path); statErr == nil {
			if typeErr := info.checkType(path); typeErr != nil {
				return typeErr
			}
		}
		return fail("open", path, err)
	}
	defer closeFD(fd)
	info, err := fstat(fd)
	if err != nil {
		return fail("stat", path, err)
	}
	if err := checkAppendable(info, path); err != nil {
		return err
	}
	if info.Size > 0 && !endsLine(fd, info.Size) {
		data = append([]byte("\n"), data...)
	}
	if err := writeAll(fd, data); err != nil {
		undoAppend(fd, info.Size, int64(len(data)))
		return fail("append", path, err)
	}
	return nil
}

func checkAppendable(info Info, path string) error {
	if err := info.checkType(path); err != nil {
		return err
	}
	if info.Links > 1 {
		return info.unsafe(path, "a file with a second name (hard link)", "")
	}
	if info.ours() || info.Owner == 0 {
		return nil
	}
	if os.Geteuid() == 0 {
		var dir unix.Stat_t
		if unix.Stat(filepath.Dir(path), &dir) == nil && int(dir.Uid) == info.Owner {
			return nil
		}
	}
	return info.unsafe(path, "another user's", "")
}

func endsLine(fd int, size int64) bool {
	last := []byte{0}
	n, err := unix.Pread(fd, last, size-1)
	return err == nil && n == 1 && last[0] == '\n'
}

// undoAppend cuts off what was written, unless somebody else wrote after it.
func undoAppend(fd int, before, most int64) {
	now, err := fstat(fd)
	if err == nil && now.Size > before && now.Size < before+most {
		_ = again(func() error { return unix.Ftruncate(fd, before) })
	}
}

//go:build unix

package atomicfile

import (
	"golang.org/x/sys/unix"
)

// ReadBounded returns the content of a file that the user chose: links are
// followed, owner and mode are the user's business. It is a regular file of at
// most limit bytes, so neither a FIFO, a device nor a huge file can stop us.
func ReadBounded(path string, limit int64) ([]byte, error) {
	var fd int
	err := again(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, fail("open", path, err)
	}
	defer closeFD(fd)
	info, err := fstat(fd)
	switch {
	case err != nil:
		return nil, fail("stat", path, err)
	case !info.Mode.IsRegular():
		return nil, fail("read", path, ErrNotRegular)
	case info.Size > limit:
		return nil, fail("read", path, ErrTooLarge)
	}
	data, err := readAll(fd, limit, info.Size)
	return data, fail("read", path, err)
}

//go:build unix

package serve

import (
	"os"

	"golang.org/x/sys/unix"
)

// openFD takes over a descriptor of our caller's; of a standard one it takes a
// copy. A closed one, or one of our own, is refused.
func openFD(fd int) (*os.File, error) {
	if fd < 0 {
		return nil, os.ErrInvalid
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil {
		return nil, err
	}
	if fd <= 2 {
		c, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return nil, err
		}
		return os.NewFile(uintptr(c), "ready"), nil
	}
	if flags&unix.FD_CLOEXEC != 0 {
		return nil, unix.EBADF // the runtime's own: our caller's come without the flag
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil { // a pipe that nobody reads must not hold us up
		return nil, err
	}
	return os.NewFile(uintptr(fd), "ready"), nil
}

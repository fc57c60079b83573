//go:build unix

package identity

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// group is the process group of a command.
type group struct{}

func newGroup(cmd *exec.Cmd) group {
	cmd.SysProcAttr = attributes()
	return group{}
}

// started has nothing to do: the group began with the program.
func (group) started(*os.Process) {}

// kill ends every process in the group, at once and without asking.
func (group) kill(p *os.Process) { _ = unix.Kill(-p.Pid, unix.SIGKILL) }

func (group) close() {}

// interrupt makes a Read that waits return.
func interrupt(f *os.File) { _ = f.SetReadDeadline(time.Unix(1, 0)) }

// drain takes what is in the pipe without waiting for more.
func (p *pipeEnd) drain() {
	if p.file.SetReadDeadline(time.Time{}) != nil {
		return
	}
	conn, err := p.file.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 4<<10)
	for more := true; more; {
		more = false
		_ = conn.Read(func(fd uintptr) bool {
			n, err := unix.Read(int(fd), buf)
			if n > 0 {
				p.keep(buf[:n])
			}
			more = n > 0 && len(p.data) < p.most || errors.Is(err, unix.EINTR)
			return true
		})
	}
}

// runnable reports whether the file may be run by this user.
func runnable(path string, info fs.FileInfo) bool {
	return info.Mode().IsRegular() && unix.Access(path, unix.X_OK) == nil
}

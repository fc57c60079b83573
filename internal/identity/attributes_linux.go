package identity

import "golang.org/x/sys/unix"

// attributes put a command into a group of its own and end it with us, should we
// be killed. The kernel means the thread that started it, which [command.run]
// therefore keeps.
func attributes() *unix.SysProcAttr {
	return &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
}

package child

import "syscall"

// attributes lets the program end when we are killed: nothing is left that could
// answer it.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }

//go:build !linux

package child

import "syscall"

// attributes is empty where the system cannot tell a program of our death.
func attributes() *syscall.SysProcAttr { return nil }

//go:build unix && !linux

package identity

import "golang.org/x/sys/unix"

// attributes put a command into a group of its own.
func attributes() *unix.SysProcAttr { return &unix.SysProcAttr{Setpgid: true} }

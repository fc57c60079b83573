//go:build unix && (!linux || race)

package relay

import "syscall"

func readCall(fd uintptr, p []byte, _ bool) (int, error) { return syscall.Read(int(fd), p) }

func writeCall(fd uintptr, p []byte, _ bool) (int, error) { return syscall.Write(int(fd), p) }

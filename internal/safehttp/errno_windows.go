package safehttp

import (
	"syscall"

	"golang.org/x/sys/windows"
)

var (
	refused     = []syscall.Errno{windows.WSAECONNREFUSED}
	unreachable = []syscall.Errno{windows.WSAENETUNREACH, windows.WSAEHOSTUNREACH, windows.WSAEADDRNOTAVAIL, windows.WSAENETDOWN}
	reset       = []syscall.Errno{windows.WSAECONNRESET, windows.WSAECONNABORTED, syscall.ERROR_BROKEN_PIPE}
)

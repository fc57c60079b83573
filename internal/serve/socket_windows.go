package serve

import (
	"errors"
	"io/fs"
	"syscall"

	"golang.org/x/sys/windows"
)

func privateSocket(string, string, syscall.RawConn) error { return nil }

func refused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }

func ownFile(fs.FileInfo) bool { return true }

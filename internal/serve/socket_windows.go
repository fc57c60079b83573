package serve

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

func privateSocket(string, string, syscall.RawConn) error { return nil }

func refused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }

func ownFile(fs.FileInfo) bool { return true }

func listening(*os.File) error { return nil }

package config

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

func openNoWait(path string) (*os.File, error) { return os.Open(path) }

func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, windows.ERROR_INVALID_NAME)
}

package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxFile bounds the config file, in bytes: a thousand profiles fit, and what
// the parser makes of it stays below 64 MiB.
const maxFile = 256 << 10

// errNoFile says that there is no config file.
var errNoFile = errors.New("there is no such file")

// load returns the bytes of the config file. It never waits for a writer: what is
// not a regular file is refused by what it is, not read.
func load(path string) ([]byte, error) {
	f, err := openNoWait(path)
	if err != nil {
		switch {
		case isMissing(err):
			return nil, errNoFile
		case errors.Is(err, fs.ErrPermission):
			return nil, errors.New("it cannot be read: permission denied")
		}
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	defer f.Close() // only read
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, errors.New("it cannot be examined")
	case info.IsDir():
		return nil, errors.New("it is a directory")
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case info.Size() > maxFile:
		return nil, fmt.Errorf("it is larger than %d KiB", maxFile>>10)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, errors.New("it cannot be read to its end")
	case len(data) > maxFile:
		return nil, fmt.Errorf("it is larger than %d KiB", maxFile>>10)
	}
	return data, nil
}

// unreachable reports whether the folder of a default config file is closed to
// us: then there is no file of ours in it.
func unreachable(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrPermission)
}

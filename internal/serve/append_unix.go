//go:build unix

package serve

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

var errNoLog = errors.New("is not a regular file of ours")

// openAppend opens a log file, 0600 if it is new. Links, FIFOs, devices and other
// users' files are refused.
func openAppend(path string) (io.WriteCloser, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600) // #nosec G304 -- the user named it
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || !ownFile(info)) {
		err = &os.PathError{Op: "open", Path: path, Err: errNoLog}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

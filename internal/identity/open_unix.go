//go:build unix

package identity

import (
	"os"

	"golang.org/x/sys/unix"
)

// openNoWait opens for reading without waiting for the writer of a FIFO.
func openNoWait(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
}

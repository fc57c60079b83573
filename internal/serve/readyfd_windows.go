package serve

import "os"

// openFD takes over a handle of our caller's.
func openFD(fd int) (*os.File, error) {
	f := os.NewFile(uintptr(fd), "ready")
	if f == nil {
		return nil, os.ErrInvalid
	}
	return f, nil
}

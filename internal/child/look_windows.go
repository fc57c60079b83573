package child

import (
	"errors"
	"os/exec"
)

// Look finds name in PATH with the extensions of PATHEXT. What lies in the
// working directory is passed over. Errors are *StartError.
func Look(name, _ string) (string, error) {
	file, err := exec.LookPath(name)
	switch {
	case err == nil:
		return file, nil
	case errors.Is(err, exec.ErrNotFound):
		return "", &StartError{Name: name, Status: NotFound, Err: errNotFound}
	}
	return "", startError(name, err)
}

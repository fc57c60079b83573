package child

import (
	"errors"
	"fmt"
	"io/fs"
)

// The exit statuses of a program that cannot be started, as shells and env(1)
// give them.
const (
	CannotRun = 126 // found, but not executable
	NotFound  = 127
)

// StartError is a program that could not be started.
type StartError struct {
	Name   string
	Status int // CannotRun or NotFound
	Err    error
}

// Error names the program and the reason.
func (e *StartError) Error() string { return fmt.Sprintf("%q: %v", e.Name, e.Err) }

// Unwrap returns the reason.
func (e *StartError) Unwrap() error { return e.Err }

var (
	errNotFound   = errors.New("command not found")
	errDirectory  = errors.New("is a directory")
	errExecutable = errors.New("not executable")
)

// startError gives a failed start its status.
func startError(name string, err error) *StartError {
	status := CannotRun
	if errors.Is(err, fs.ErrNotExist) {
		status = NotFound
	}
	return &StartError{Name: name, Status: status, Err: err}
}

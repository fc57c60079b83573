//go:build unix

package child

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Look finds name as a shell would: a name with a slash is a path, any other is
// looked for in the directories of path (the value of PATH). Relative entries of
// PATH are passed over: nothing is run from the working directory unasked. Errors
// are *StartError.
func Look(name, path string) (string, error) {
	if strings.Contains(name, "/") {
		if err := runnable(name); err != nil {
			return "", startError(name, err)
		}
		return name, nil
	}
	var found error
	for _, dir := range filepath.SplitList(path) {
		if name == "" || !filepath.IsAbs(dir) {
			continue
		}
		file := filepath.Join(dir, name)
		err := runnable(file)
		if err == nil {
			return file, nil
		}
		if !os.IsNotExist(err) && !isNotDir(err) {
			found = err
		}
	}
	if found != nil {
		return "", &StartError{Name: name, Status: CannotRun, Err: found}
	}
	return "", &StartError{Name: name, Status: NotFound, Err: errNotFound}
}

func isNotDir(err error) bool { return errors.Is(err, unix.ENOTDIR) }

func runnable(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return errDirectory
	}
	if info.Mode()&0o111 == 0 || unix.Access(file, unix.X_OK) != nil {
		return errExecutable
	}
	return nil
}

package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// What is wrong with a file or directory, for errors.Is.
var (
	// ErrUnsafe: a link, another user's, or open to others.
	ErrUnsafe = errors.New("not safe to use")
	// ErrNotRegular: a directory, FIFO, socket or device in the place of a file.
	ErrNotRegular = errors.New("not a regular file")
	// ErrTooLarge: more bytes than the caller wants to read.
	ErrTooLarge = errors.New("too large")
)

// Error is a file or directory that could not be used.
type Error struct {
	Op   string // what was tried: open, create, write, sync, rename, ...
	Path string
	// Owner (a uid, -1 when not known) and Mode are set when Err is ErrUnsafe.
	Owner int
	Mode  fs.FileMode
	// Problem says in words what is unsafe; empty when Err says it all.
	Problem string
	// Mend is the command that mends it, empty when there is none.
	Mend string
	Err  error // ErrUnsafe, ErrNotRegular, ErrTooLarge, or the system's error
}

// Error names the path, quoted where it holds something unprintable.
func (e *Error) Error() string {
	if !errors.Is(e.Err, ErrUnsafe) {
		return e.Op + " " + show(e.Path) + ": " + e.Err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is %v: %s", show(e.Path), ErrUnsafe, e.Problem)
	if e.Owner >= 0 {
		fmt.Fprintf(&b, " (owner uid %d, mode %04o)", e.Owner, e.Mode.Perm())
	}
	if e.Mend != "" {
		b.WriteString("; run: " + e.Mend)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Fail wraps what another package met at path, so that it reads alike. An error
// that names its path already is taken apart or kept.
func Fail(op, path string, err error) error {
	if ours := (*Error)(nil); errors.As(err, &ours) {
		return err
	}
	if named := (*fs.PathError)(nil); errors.As(err, &named) {
		return fail(named.Op, named.Path, named.Err)
	}
	return fail(op, path, err)
}

func fail(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Path: path, Owner: -1, Err: err}
}

// show keeps a path on one line and its bytes away from a terminal.
func show(path string) string {
	if printable(path) {
		return path
	}
	return strconv.Quote(path)
}

func printable(s string) bool {
	for _, r := range s {
		if r == '\uFFFD' || !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}

// chmod is the command a user can paste; none for a path that does not paste.
func chmod(mode fs.FileMode, path string) string {
	if !printable(path) {
		return ""
	}
	return fmt.Sprintf("chmod %o %s", mode, shellWord(path))
}

func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+@%", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

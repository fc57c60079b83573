package atomicfile

import (
	"io/fs"
	"os"
	"time"
)

// Info is what the system says about a file, links not followed.
type Info struct {
	Mode    fs.FileMode // type and permission bits
	Owner   int         // uid, -1 where there is none
	Links   uint64
	Size    int64
	ModTime time.Time
}

// Modes of what is ours alone.
const (
	fileMode fs.FileMode = 0o600
	dirMode  fs.FileMode = 0o700
)

// checkPrivate refuses what another user owns, can read or can reach by another
// name. Modes stricter than most are fine.
func (i Info) checkPrivate(path string, most fs.FileMode) error {
	switch {
	case !i.ours():
		return i.unsafe(path, "another user's", "")
	case i.Owner >= 0 && i.Mode.Perm()&^most != 0:
		return i.unsafe(path, "open to more than its owner needs", chmod(most, path))
	case i.Mode.IsRegular() && i.Links > 1:
		return i.unsafe(path, "a file with a second name (hard link)", "")
	}
	return nil
}

// ours reports whether the file belongs to us, as far as the platform knows owners.
func (i Info) ours() bool { return i.Owner < 0 || i.Owner == os.Geteuid() }

func (i Info) unsafe(path, problem, mend string) error {
	return &Error{Op: "open", Path: path, Owner: i.Owner, Mode: i.Mode, Problem: problem, Mend: mend, Err: ErrUnsafe}
}

// checkType refuses everything but a regular file.
func (i Info) checkType(path string) error {
	switch {
	case i.Mode.IsRegular():
		return nil
	case i.Mode.Type() == fs.ModeSymlink:
		return i.unsafe(path, "a symbolic link", "")
	}
	return &Error{Op: "open", Path: path, Owner: i.Owner, Mode: i.Mode, Err: ErrNotRegular}
}

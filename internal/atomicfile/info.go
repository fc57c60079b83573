package atomicfile

import (
	"crypto/rand"
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
	id      fileID
}

// fileID tells two files apart that had the same name one after the other.
type fileID struct{ device, inode uint64 }

// Same reports whether i and j are of one file. Where files have no numbers,
// their size and time of change decide.
func (i Info) Same(j Info) bool {
	return i.id == j.id && i.Size == j.Size && i.ModTime.Equal(j.ModTime)
}

// CheckPrivate refuses a file that is another user's, open to others, or known
// by a second name.
func (d *Dir) CheckPrivate(name string, i Info) error {
	return i.checkPrivate(d.Path(name), fileMode)
}

// RemoveIf removes a file if it is still the one that info was taken of. It is
// moved aside before it is looked at, so that a newer one cannot be caught: that
// one goes back to its place.
func (d *Dir) RemoveIf(name string, info Info) error {
	aside := tempName(name)
	if err := d.rename(name, aside); err != nil {
		return err
	}
	if now, err := d.Stat(aside); err == nil && !now.Same(info) {
		return d.rename(aside, name)
	}
	return d.Remove(aside)
}

func tempName(name string) string {
	return tempPrefix + name + "." + rand.Text()[:tempRandom] + tempSuffix
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

// CheckLock refuses a lock file that is not a file of ours with one name. Its
// mode does not matter: nothing is read from it that decides anything.
func (d *Dir) CheckLock(name string, i Info) error {
	if err := i.checkType(d.Path(name)); err != nil {
		return err
	}
	return i.checkPrivate(d.Path(name), 0o777)
}

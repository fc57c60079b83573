//go:build unix

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks bounds how many links a path may go through, as the system does.
const maxLinks = 40

// CheckAncestors walks to the directory that holds path, as far as it exists.
// Each directory and each link on the way belongs to root, to us or to the lender
// (0: there is none): nobody else can put another directory in the place of ours.
// Links are followed, so linked homes and runner folders work; the last element of
// path is not looked at.
//
// It returns the parent with all links resolved. path must be absolute.
func CheckAncestors(path string, lender int) (parent string, err error) {
	w := walk{uid: os.Geteuid(), lender: lender, at: "/", rest: split(filepath.Dir(path))}
	for len(w.rest) > 0 {
		if err := w.step(); err != nil {
			return "", err
		}
	}
	return w.at, nil
}

// Lender is who lends us the directory at path: its owner, if that is another
// user and we are root, otherwise 0. What we make in it stays ours, and is looked
// at again whenever it is opened; all that a lender can do is take it away.
func Lender(path string) int {
	var st unix.Stat_t
	if os.Geteuid() != 0 || again(func() error { return unix.Stat(path, &st) }) != nil {
		return 0
	}
	return int(st.Uid)
}

type walk struct {
	uid, lender int
	at          string   // resolved so far
	rest        []string // still to go
	links       int
	gone        bool // at does not exist: nothing below it can be looked at
}

func (w *walk) step() error {
	name := w.rest[0]
	w.rest = w.rest[1:]
	if name == ".." {
		w.at = filepath.Dir(w.at)
		return nil
	}
	next := filepath.Join(w.at, name)
	if w.gone {
		w.at = next
		return nil
	}
	info, err := lstatat(unix.AT_FDCWD, next)
	if errors.Is(err, fs.ErrNotExist) {
		w.at, w.gone = next, true
		return nil
	}
	if err != nil {
		return fail("stat", next, err)
	}
	if info.Owner != 0 && info.Owner != w.uid && info.Owner != w.lender {
		return info.unsafe(next, "another user's", "")
	}
	switch {
	case info.Mode.Type() == fs.ModeSymlink:
		return w.follow(next)
	case !info.Mode.IsDir():
		return fail("open", next, unix.ENOTDIR)
	}
	w.at = next
	return nil
}

func (w *walk) follow(link string) error {
	if w.links++; w.links > maxLinks {
		return fail("open", link, unix.ELOOP)
	}
	target, err := os.Readlink(link)
	if err != nil {
		return fail("readlink", link, err)
	}
	if filepath.IsAbs(target) {
		w.at = "/"
	}
	w.rest = append(split(target), w.rest...)
	return nil
}

func split(path string) []string {
	var names []string
	for _, name := range strings.Split(path, "/") {
		if name != "" && name != "." {
			names = append(names, name)
		}
	}
	return names
}

// MakeDir is OpenDir for a directory that may not exist yet: it is made, with
// those that lead to it, all of them 0700 whatever the umask. At most that many
// are made; 0: any number.
func MakeDir(path string, atMost int) (*Dir, error) {
	d, err := OpenDir(path)
	if err == nil {
		return d, nil
	}
	if errors.Is(err, fs.ErrPermission) && !errors.Is(err, ErrUnsafe) {
		mend(path, dirMode)
		return OpenDir(path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if atMost <= 0 {
		atMost = len(path)
	}
	if err := makeAll(path, atMost); err != nil {
		return nil, err
	}
	return OpenDir(path)
}

func makeAll(path string, atMost int) error {
	err := makeOne(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(path)
	if parent == path || atMost == 1 {
		return err
	}
	if err := makeAll(parent, atMost-1); err != nil {
		return err
	}
	return makeOne(path)
}

func makeOne(path string) error {
	err := again(func() error { return unix.Mkdir(path, uint32(dirMode)) })
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fail("mkdir", path, err)
	}
	mend(path, dirMode)
	return nil
}

// mend gives what is ours the bits that a umask took away; it never adds any for
// others, and does nothing to a link. Whoever comes after sees whether it helped.
func mend(path string, mode fs.FileMode) {
	fd, err := openat(unix.AT_FDCWD, path, unix.O_RDONLY, 0)
	if err == nil { // always so for root, who may be in a directory that another can change
		defer closeFD(fd)
		if info, err := fstat(fd); err == nil && info.tooStrict(mode) {
			_ = again(func() error { return unix.Fchmod(fd, uint32(mode)) })
		}
		return
	}
	if info, err := lstatat(unix.AT_FDCWD, path); err == nil && info.tooStrict(mode) {
		_ = again(func() error { return unix.Chmod(path, uint32(mode)) })
	}
}

// tooStrict reports whether i is a file or directory of ours that lacks bits of mode
// and has no others.
func (i Info) tooStrict(mode fs.FileMode) bool {
	plain := i.Mode.IsRegular() || i.Mode.IsDir()
	return plain && i.Owner == os.Geteuid() && i.Mode.Perm()&^mode == 0 && i.Mode.Perm() != mode
}

// Mend makes a file that is ours and too strict (a umask of 777) 0600 again.
func (d *Dir) Mend(name string) { mend(d.Path(name), fileMode) }

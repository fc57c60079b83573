//go:build unix

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Dir is an open directory of ours. Names are single elements in it; they are
// looked up in the directory that was opened, whatever its path leads to later.
// A Dir is safe for concurrent use, Close excepted.
type Dir struct {
	path string
	fd   int
}

// OpenDir opens a private directory: ours, not a link, and closed to others.
func OpenDir(path string) (*Dir, error) {
	fd, err := openat(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, explainOpenDir(path, err)
	}
	d := &Dir{path: path, fd: fd}
	info, err := fstat(fd)
	if err == nil {
		err = info.checkPrivate(path, dirMode)
	} else {
		err = fail("stat", path, err)
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// explainOpenDir turns the bare error of an open into what stands in the way.
func explainOpenDir(path string, err error) error {
	info, statErr := lstatat(unix.AT_FDCWD, path)
	if statErr != nil {
		return fail("open", path, err)
	}
	if info.Mode.Type() == fs.ModeSymlink {
		return info.unsafe(path, "a symbolic link", "")
	}
	if unsafe := info.checkPrivate(path, dirMode); info.Mode.IsDir() && unsafe != nil {
		return unsafe
	}
	return fail("open", path, err)
}

// openLoose opens the directory in which a file for other programs lies: it may
// be anybody's.
func openLoose(path string) (*Dir, error) {
	var fd int
	err := again(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, fail("open", path, err)
	}
	return &Dir{path: path, fd: fd}, nil
}

// Close releases the directory.
func (d *Dir) Close() { closeFD(d.fd) }

// Stat looks at a name in the directory; a link is not followed.
func (d *Dir) Stat(name string) (Info, error) {
	info, err := lstatat(d.fd, name)
	return info, fail("stat", d.Path(name), err)
}

// Read returns the content of a private file of at most limit bytes.
func (d *Dir) Read(name string, limit int64) ([]byte, error) {
	data, _, err := d.ReadInfo(name, limit)
	return data, err
}

// ReadInfo is Read with what the system says about the file that was read.
func (d *Dir) ReadInfo(name string, limit int64) ([]byte, Info, error) {
	path := d.Path(name)
	fd, err := openat(d.fd, name, unix.O_RDONLY, 0)
	if err != nil {
		return nil, Info{}, d.explainOpen(name, err)
	}
	defer closeFD(fd)
	info, err := fstat(fd)
	if err != nil {
		return nil, Info{}, fail("stat", path, err)
	}
	if err := info.checkType(path); err != nil {
		return nil, info, err
	}
	if err := info.checkPrivate(path, fileMode); err != nil {
		return nil, info, err
	}
	if info.Size > limit {
		return nil, info, fail("read", path, ErrTooLarge)
	}
	data, err := readAll(fd, limit, info.Size)
	return data, info, fail("read", path, err)
}

func (d *Dir) explainOpen(name string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		if info, statErr := lstatat(d.fd, name); statErr == nil {
			if typeErr := info.checkType(d.Path(name)); typeErr != nil {
				return typeErr
			}
			if unsafe := info.checkPrivate(d.Path(name), fileMode); unsafe != nil {
				return unsafe
			}
		}
	}
	return fail("open", d.Path(name), err)
}

// Create makes a file that must not exist yet (else fs.ErrExist). It is for
// marks whose being there is the message: a death in between leaves it empty.
func (d *Dir) Create(name string, data []byte) error {
	fd, err := openat(d.fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, fileMode)
	if err != nil {
		return fail("create", d.Path(name), err)
	}
	defer closeFD(fd)
	err = again(func() error { return unix.Fchmod(fd, uint32(fileMode)) })
	if err == nil {
		err = writeAll(fd, data)
	}
	if err != nil {
		_ = d.Remove(name)
	}
	return fail("write", d.Path(name), err)
}

// Remove removes a file; an absent one is no error.
func (d *Dir) Remove(name string) error {
	err := again(func() error { return unix.Unlinkat(d.fd, name, 0) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fail("remove", d.Path(name), err)
}

// Names lists the directory in no order.
func (d *Dir) Names() ([]string, error) {
	fd, err := openat(d.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, fail("open", d.path, err)
	}
	f := os.NewFile(uintptr(fd), d.path)
	defer func() { _ = f.Close() }()
	names, err := f.Readdirnames(-1)
	return names, fail("list", d.path, err)
}

// Path is the path of a name in the directory, for messages.
func (d *Dir) Path(name string) string { return filepath.Join(d.path, name) }

// Write replaces a private file whole. What is there already must be a regular
// file of ours, or nothing.
func (d *Dir) Write(name string, data []byte) error {
	if err := d.checkTarget(name); err != nil {
		return err
	}
	for tries := 0; ; tries++ {
		err := d.writeOnce(name, data)
		// Between its creation and its lock a temporary file looks like a dead
		// writer's, and another process may have swept it.
		if tries < 3 && errors.Is(err, errSwept) {
			continue
		}
		return err
	}
}

func (d *Dir) checkTarget(name string) error {
	info, err := lstatat(d.fd, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	path := d.Path(name)
	if err != nil {
		return fail("stat", path, err)
	}
	if err := info.checkType(path); err != nil {
		return err
	}
	// Its mode does not matter: the file that takes its place is 0600.
	return info.checkPrivate(path, 0o777)
}

var errSwept = errors.New("the temporary file is gone")

func (d *Dir) writeOnce(name string, data []byte) error {
	temp := tempName(name)
	path := d.Path(name)
	fd, err := openat(d.fd, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, fileMode)
	if err != nil {
		return fail("create", d.Path(temp), err)
	}
	defer closeFD(fd)
	err = d.fill(fd, data, path)
	if err == nil {
		err = d.rename(temp, name)
		if errors.Is(err, fs.ErrNotExist) {
			if info, statErr := fstat(fd); statErr == nil && info.Links == 0 {
				err = errSwept
			}
		}
	}
	if err != nil {
		_ = d.Remove(temp)
		return err
	}
	return fail("sync", d.path, syncFD(d.fd))
}

func (d *Dir) rename(from, to string) error {
	err := again(func() error { return unix.Renameat(d.fd, from, d.fd, to) })
	return fail("rename", d.Path(to), err)
}

func (d *Dir) fill(fd int, data []byte, path string) error {
	// The lock says that the writer lives; without locks Sweep goes by age.
	_ = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if err := again(func() error { return unix.Fchmod(fd, uint32(fileMode)) }); err != nil {
		return fail("chmod", path, err)
	}
	if err := writeAll(fd, data); err != nil {
		return fail("write", path, err)
	}
	return fail("sync", path, syncFD(fd))
}

// dead reports whether nobody holds the temporary file any more.
func (d *Dir) dead(name string) bool {
	fd, err := openat(d.fd, name, unix.O_RDONLY, 0)
	if err != nil {
		return false
	}
	defer closeFD(fd)
	err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	return err == nil
}

//go:build !unix

package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Dir is a directory of ours. Names are single elements in it.
type Dir struct{ path string }

// OpenDir opens a directory that is not a link.
func OpenDir(path string) (*Dir, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fail("open", path, err)
	}
	if !info.IsDir() {
		return nil, infoOf(info).unsafe(path, "not a plain directory", "")
	}
	return &Dir{path: path}, nil
}

func openLoose(path string) (*Dir, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return nil, fail("open", path, errors.Join(err, fs.ErrNotExist))
	}
	return &Dir{path: path}, nil
}

// Lender is nobody here: there are no owners.
func Lender(string) int { return 0 }

// CheckAncestors resolves the directory that holds path, as far as it exists.
func CheckAncestors(path string, _ int) (parent string, err error) {
	parent = filepath.Dir(path)
	if resolved, err := filepath.EvalSymlinks(parent); err == nil {
		return resolved, nil
	}
	return parent, nil
}

// MakeDir is OpenDir for a directory that may not exist yet. At most that many
// are made on the way; 0: any number.
func MakeDir(path string, atMost int) (*Dir, error) {
	if base := path; atMost > 0 {
		for range atMost {
			base = filepath.Dir(base)
		}
		if _, err := os.Stat(base); err != nil {
			return nil, fail("mkdir", path, err)
		}
	}
	if err := os.MkdirAll(path, dirMode); err != nil {
		return nil, fail("mkdir", path, err)
	}
	return OpenDir(path)
}

// Mend does nothing: there is no umask here.
func (*Dir) Mend(string) {}

// Close does nothing: no directory is held open here.
func (*Dir) Close() {}

// Path is the path of a name in the directory.
func (d *Dir) Path(name string) string { return filepath.Join(d.path, name) }

// Stat looks at a name in the directory; a link is not followed.
func (d *Dir) Stat(name string) (Info, error) {
	info, err := os.Lstat(d.Path(name))
	if err != nil {
		return Info{}, fail("stat", d.Path(name), err)
	}
	return infoOf(info), nil
}

func infoOf(info fs.FileInfo) Info {
	return Info{Mode: info.Mode(), Owner: -1, Links: 1, Size: info.Size(), ModTime: info.ModTime()}
}

// Read returns the content of a regular file of at most limit bytes.
func (d *Dir) Read(name string, limit int64) ([]byte, error) {
	data, _, err := d.ReadInfo(name, limit)
	return data, err
}

// ReadInfo is Read with what the system says about the file.
func (d *Dir) ReadInfo(name string, limit int64) ([]byte, Info, error) {
	info, err := d.Stat(name)
	if err != nil {
		return nil, info, err
	}
	if err := info.checkType(d.Path(name)); err != nil {
		return nil, info, err
	}
	data, err := ReadBounded(d.Path(name), limit)
	return data, info, err
}

// ReadBounded returns the content of a regular file of at most limit bytes.
func ReadBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fail("open", path, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fail("stat", path, err)
	case !info.Mode().IsRegular():
		return nil, fail("read", path, ErrNotRegular)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = ErrTooLarge
	}
	if err != nil {
		return nil, fail("read", path, err)
	}
	return data, nil
}

// Create makes a file that must not exist yet (else fs.ErrExist).
func (d *Dir) Create(name string, data []byte) error {
	f, err := os.OpenFile(d.Path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return fail("create", d.Path(name), err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = d.Remove(name)
		return fail("write", d.Path(name), err)
	}
	return nil
}

// Remove removes a file; an absent one is no error.
func (d *Dir) Remove(name string) error {
	err := os.Remove(d.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fail("remove", d.Path(name), err)
}

// Names lists the directory in no order.
func (d *Dir) Names() ([]string, error) {
	f, err := os.Open(d.path)
	if err != nil {
		return nil, fail("open", d.path, err)
	}
	defer func() { _ = f.Close() }()
	names, err := f.Readdirnames(-1)
	return names, fail("list", d.path, err)
}

// Write replaces a file whole. What is there already must be a regular file.
func (d *Dir) Write(name string, data []byte) error {
	if info, err := d.Stat(name); err == nil {
		if err := info.checkType(d.Path(name)); err != nil {
			return err
		}
	}
	temp := d.Path(tempName(name))
	err := writeTemp(temp, data)
	if err == nil {
		err = fail("rename", d.Path(name), replace(temp, d.Path(name)))
	}
	if err != nil {
		_ = os.Remove(temp)
	}
	return err
}

func (d *Dir) rename(from, to string) error {
	return fail("rename", d.Path(to), replace(d.Path(from), d.Path(to)))
}

func writeTemp(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return fail("create", path, err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return fail("write", path, errors.Join(err, f.Close()))
}

// replace renames; while a reader has the old file open the system refuses, for
// as long as a read takes.
func replace(from, to string) error {
	for tries := 0; ; tries++ {
		err := os.Rename(from, to)
		if err == nil || tries == 50 {
			return err
		}
		<-time.After(10 * time.Millisecond)
	}
}

// dead reports whether nobody holds the temporary file: the system refuses to
// remove one that is open, so removing is the test.
func (d *Dir) dead(string) bool { return true }

// Append adds data to a file that exists, whole or not at all.
func Append(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fail("open", path, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return fail("stat", path, err)
	}
	if !info.Mode().IsRegular() {
		return fail("append", path, ErrNotRegular)
	}
	size := info.Size()
	if last := []byte{'\n'}; size > 0 {
		if _, err := f.ReadAt(last, size-1); err != nil {
			return fail("read", path, err)
		}
		if last[0] != '\n' {
			data = append([]byte("\n"), data...)
		}
	}
	if _, err := f.WriteAt(data, size); err != nil {
		_ = f.Truncate(size)
		return fail("append", path, err)
	}
	return nil
}

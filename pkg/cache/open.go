package cache

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// Options configures Open. Dir and Clock are required.
type Options struct {
	// Dir is the directory itself; a relative one is taken from the working
	// directory.
	Dir   string
	Clock tokensource.Clock
	// Look leaves a missing directory missing (for a command that only shows):
	// it then counts as empty.
	Look bool
	// MayMake is how many missing directories may be made, Dir and those that lead
	// to it; 0: any number. A default place is not made where nothing is: a home
	// that does not exist stays so.
	MayMake int
	// Lender is a user who, besides root and us, may own what leads to Dir, as the
	// runner does in a container job that runs as root (atomicfile.Lender); 0: nobody.
	Lender int
	// BootID names the running boot of the machine; nil: the kernel is asked
	// where it can be, otherwise there is none.
	BootID func() string
}

// Directory is a cache directory that was found safe.
type Directory struct {
	path    string
	clock   stamper
	look    bool
	mayMake int
}

// Open looks at the directory and what leads to it, and makes it if it is
// missing. An error says why it must not or cannot be used at all.
func Open(o Options) (*Directory, error) {
	if o.Dir == "" || o.Clock == nil {
		return nil, storageError("cache", errors.New("a directory and a clock are required"))
	}
	path, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, storageError("cache", err)
	}
	if o.BootID == nil {
		o.BootID = bootID
	}
	parent, err := atomicfile.CheckAncestors(path, o.Lender)
	if err != nil {
		return nil, storageError("cache", err)
	}
	d := &Directory{
		path:  filepath.Join(parent, filepath.Base(path)),
		clock: stamper{clock: o.Clock, bootID: o.BootID},
		look:  o.Look,

		mayMake: o.MayMake,
	}
	dir, err := d.open()
	if err != nil {
		if o.Look && errors.Is(err, fs.ErrNotExist) {
			return d, nil
		}
		return nil, storageError("cache", err)
	}
	dir.Close()
	return d, nil
}

// Path is the directory with all links resolved.
func (d *Directory) Path() string { return d.path }

// open gives the directory for one operation; it is not kept, so that a directory
// that was removed and made again is found. The usual case is one system call.
func (d *Directory) open() (*atomicfile.Dir, error) {
	if d.look {
		return atomicfile.OpenDir(d.path)
	}
	return atomicfile.MakeDir(d.path, d.mayMake)
}

// openToRead is open without making the directory, nil when it does not exist.
func (d *Directory) openToRead() (*atomicfile.Dir, error) {
	dir, err := atomicfile.OpenDir(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return dir, err
}

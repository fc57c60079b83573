package atomicfile

import (
	"path/filepath"
	"strings"
	"time"
)

// Write replaces the file at path whole, mode 0600. The directory must exist and
// may be anybody's; what is at path already must be a regular file of ours with
// one name, or nothing.
func Write(path string, data []byte) error {
	d, err := openLoose(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	name := filepath.Base(path)
	d.sweepOf(name)
	return d.Write(name, data)
}

// Read returns the content of the private file at path, of at most limit bytes:
// ours, not a link, closed to others.
func Read(path string, limit int64) ([]byte, error) {
	d, err := openLoose(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Read(filepath.Base(path), limit)
}

// Remove removes the file at path; an absent one is no error.
func Remove(path string) error {
	d, err := openLoose(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Remove(filepath.Base(path))
}

// sweepOf removes what dead writers of one file left. The directory is not ours
// alone, so nothing else in it is touched.
func (d *Dir) sweepOf(name string) {
	names, err := d.Names()
	if err != nil {
		return
	}
	var own []string
	for _, n := range names {
		if random, ok := strings.CutPrefix(n, tempPrefix+name+"."); ok && len(random) == tempRandom+len(tempSuffix) {
			own = append(own, n)
		}
	}
	_ = d.SweepNames(own, time.Time{})
}

package cache

import (
	"time"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
)

// tidyLock removes a lock file that nobody holds and nobody has held for long.
// It is removed while we hold it: whoever waits for it sees that it lost its name
// and asks again.
func tidyLock(dir *atomicfile.Dir, name string, now time.Time) {
	info, err := dir.Stat(name)
	if err != nil || !info.Mode.IsRegular() || now.Sub(info.ModTime) < lockIdle {
		return
	}
	f := lockFile(dir.Path(name))
	if got, err := tryLock(f); !got || err != nil {
		return
	}
	defer func() { _ = f.Unlock() }()
	_ = dir.RemoveIf(name, info)
}

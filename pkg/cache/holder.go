package cache

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"
)

// holder is what the lock file says about who holds it: for the message of a
// waiter that gives up, nothing depends on it.
type holder struct {
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

const (
	// holderAt leaves the first byte alone: on Windows the lock covers it, and a
	// locked byte can be read and written by its holder only.
	holderAt   = 1
	holderSize = 127 // padded with blanks, so that no longer text shows below
)

// sign writes our name into the lock file that we hold.
func (l *Locker) sign(name string) {
	text, err := json.Marshal(holder{PID: os.Getpid(), Since: l.dir.clock.clock.Now().UTC().Truncate(time.Millisecond)})
	if err != nil || len(text) > holderSize-1 {
		return
	}
	f, err := os.OpenFile(l.path(name), os.O_WRONLY|lockFlags, 0)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	line := make([]byte, holderSize)
	for i := range line {
		line[i] = ' '
	}
	copy(line, text)
	line[holderSize-1] = '\n'
	_, _ = f.WriteAt(line, holderAt)
}

func (l *Locker) holder(name string) (holder, bool) {
	f, err := os.OpenFile(l.path(name), os.O_RDONLY|lockFlags, 0)
	if err != nil {
		return holder{}, false
	}
	defer func() { _ = f.Close() }()
	line := make([]byte, holderSize)
	n, err := f.ReadAt(line, holderAt)
	if err != nil && !errors.Is(err, io.EOF) {
		return holder{}, false
	}
	var h holder
	ok := json.Unmarshal(line[:n], &h) == nil && h.PID > 0
	return h, ok
}

//go:build linux

package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

// kernelLocks are the lines of /proc/locks about a lock file of ours. In them a
// waiter has an arrow.
func (w *world) kernelLocks() []string {
	data, err := os.ReadFile("/proc/locks")
	if err != nil {
		return nil
	}
	var lines []string
	locks, _ := filepath.Glob(filepath.Join(w.dir, "*.lock"))
	for _, path := range locks {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		st := info.Sys().(*syscall.Stat_t)
		inode := fmt.Sprintf("%02x:%02x:%d ", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)
		for line := range strings.Lines(string(data)) {
			if strings.Contains(line, inode) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

func (w *world) waiters() int {
	n := 0
	for _, line := range w.kernelLocks() {
		if strings.Contains(line, "->") {
			n++
		}
	}
	return n
}

// holder is the process that holds the lock.
func (w *world) holder() int {
	for _, line := range w.kernelLocks() {
		fields := strings.Fields(line)
		if !strings.Contains(line, "->") && len(fields) > 4 {
			pid, _ := strconv.Atoi(fields[4])
			return pid
		}
	}
	return 0
}

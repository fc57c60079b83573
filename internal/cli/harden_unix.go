//go:build unix

package cli

import (
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// harden keeps secrets out of what a crash leaves behind: no core file, and a
// panic outside of the guarded goroutine prints no stacks.
func harden() {
	debug.SetTraceback("none")
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_CORE, &limit) == nil {
		limit.Cur = 0
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &limit)
	}
}

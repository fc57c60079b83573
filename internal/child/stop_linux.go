package child

import (
	"os"
	"os/signal"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// settle is how long a stop of the whole group may take to reach both of us:
// Ctrl-Z stops the program and us, and fg continues both, in the same moment.
const settle = 20 * time.Millisecond

// followStops stops us while the program has stopped itself alone, as agents with
// a screen of their own do at Ctrl-Z: the shell that started us waits for us, and
// would have no prompt and no job to continue. Without a terminal there is nobody
// who could continue us, and the program's stop is its own.
func followStops(pid int, ended <-chan struct{}) {
	changes := make(chan os.Signal, 1)
	signal.Notify(changes, unix.SIGCHLD)
	defer signal.Stop(changes)
	for {
		if stopped(pid) {
			t := time.NewTimer(settle)
			select {
			case <-t.C:
			case <-ended:
			}
			t.Stop()
			if stopped(pid) {
				stopWith(pid)
			}
		}
		select {
		case <-changes:
		case <-ended:
			return
		}
	}
}

// stopped reports whether a child is stopped now (waitid(2)); its end is left to
// who waits for it.
func stopped(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo != 0
}

// stopWith stops us, and continues the program once we are continued. A program
// with a process group of its own, such as a shell, gets the terminal back if our
// job has it.
func stopWith(pid int) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return
	}
	defer func() { _ = tty.Close() }()
	if leader, err := unix.Getsid(0); err != nil || leader == os.Getpid() || unix.Getpgrp() != os.Getpid() {
		return // no shell has made a job of us that it could continue
	}
	if stopHere() != nil {
		return
	}
	// Here we were continued.
	group, err := unix.Getpgid(pid)
	if err != nil || !stopped(pid) {
		return
	}
	if group == unix.Getpgrp() {
		_ = unix.Kill(pid, unix.SIGCONT) // it may have ended
		return
	}
	if foreground() {
		_ = unix.IoctlSetPointerInt(int(tty.Fd()), unix.TIOCSPGRP, group)
	}
	_ = unix.Kill(-group, unix.SIGCONT)
}

// stopHere stops the whole process. The signal goes to this thread, which takes it
// before it returns; had another thread taken it, we would go on for a moment.
func stopHere() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGSTOP)
}

package child

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// Program is what Run starts.
type Program struct {
	Path string   // as Look found it
	Args []string // with the name as it was given in front
	Env  []string

	// Files are passed on as they are; any other reader or writer through a pipe.
	In       io.Reader
	Out, Err io.Writer

	// Signals are those that arrived for us; the ones to pass on are Forwarded.
	Signals <-chan os.Signal
	// Started is called once the program runs; nil: nobody is told.
	Started func(pid int)
}

// pipesAfter bounds the wait for pipes that grandchildren keep open.
const pipesAfter = time.Second

// Run starts p and waits for it, and returns the status with which we should end:
// its own, or 128 plus the number of the signal that ended it. The error is a
// *StartError, or the system's (no process could be made).
//
// When ctx ends the program gets SIGTERM, and Run goes on waiting for it.
func Run(ctx context.Context, p Program) (status int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The signal at our death belongs to the thread that starts the program
		// (prctl(2), PR_SET_PDEATHSIG): the thread must last as long as it does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		status, err = run(ctx, p)
	}()
	<-done
	return status, err
}

func run(ctx context.Context, p Program) (int, error) {
	cmd := &exec.Cmd{Path: p.Path, Args: p.Args, Env: p.Env, Stdin: p.In, Stdout: p.Out, Stderr: p.Err,
		SysProcAttr: attributes(), WaitDelay: pipesAfter}
	if err := cmd.Start(); err != nil {
		if outOfProcesses(err) {
			return 0, err
		}
		return 0, startError(p.Args[0], plain(err))
	}
	if p.Started != nil {
		p.Started(cmd.Process.Pid)
	}
	ended := make(chan struct{})
	passed := make(chan struct{})
	go func() {
		defer close(passed)
		pass(ctx, cmd.Process, p.Signals, ended)
	}()
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		followStops(cmd.Process.Pid, ended)
	}()
	err := cmd.Wait()
	close(ended)
	<-passed
	<-followed
	if e := (*exec.ExitError)(nil); err != nil && !errors.As(err, &e) && !errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState == nil {
		return 0, err
	}
	return statusOf(cmd.ProcessState), nil
}

// plain is the reason of a failed start without the path, which the message names.
func plain(err error) error {
	if e := (*os.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// pass hands on signals until the program has ended.
func pass(ctx context.Context, p *os.Process, signals <-chan os.Signal, ended <-chan struct{}) {
	stop := ctx.Done()
	for {
		select {
		case <-ended:
			return
		case <-stop:
			stop = nil
			_ = terminate(p) // it may have ended meanwhile
		case s, ok := <-signals:
			if !ok {
				signals = nil
				continue
			}
			if forwards(s) {
				_ = p.Signal(s) // the same
			}
		}
	}
}

package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// patience is how long an interrupted command may take to tidy up. Locks and
// temporary files survive a death without harm, so it can be short.
const patience = 100 * time.Millisecond

// signalStatus is 128 plus the signal's number, as shells report it.
const (
	statusINT  = 130
	statusQUIT = 131
	statusPIPE = 141
	statusTERM = 143
)

// interrupted is why a command's context ended.
type interrupted struct{ status int }

func (interrupted) Error() string { return "interrupted by a signal" }

// ownSignals marks commands that treat signals by themselves (serve, exec).
const ownSignals = "own-signals"

// lateSignals marks commands that mostly end at the cache: catching signals starts
// threads, which costs such a run more than all of its work, so they do it when
// they have to wait for somebody (patiently). Before that nothing was done that a
// signal's own way of ending a process would leave undone.
const lateSignals = "late-signals"

// marked reports whether the command of args has an annotation.
func marked(root *cobra.Command, args []string, annotation string) bool {
	cmd, _, err := root.Find(args)
	return err == nil && cmd.Annotations[annotation] != ""
}

// ended is a command that has its exit status and nothing more to say.
type ended struct{ status int }

func (ended) Error() string { return "ended" }

// patiently runs the part of a command that may wait, as interruptible does.
func (a *app) patiently(ctx context.Context, run func(context.Context) error) error {
	const failed = -1
	var failure error // written before code is sent
	code := a.interruptible(ctx, func(ctx context.Context) int {
		err := run(ctx)
		if status, yes := interruption(ctx); err != nil && yes {
			return status
		}
		if failure = err; err != nil {
			return failed
		}
		return 0
	})
	switch code {
	case 0:
		return nil
	case failed:
		return failure
	}
	return ended{code}
}

// interruptible runs a one-shot command and ends it within a moment of SIGINT,
// SIGTERM or SIGQUIT, with nothing on standard output. SIGPIPE is listened to so
// that a write to a pipe without reader is an error that can be told from others;
// a handler, unlike an ignored signal, is not inherited by the programs we start.
func (a *app) interruptible(ctx context.Context, run func(context.Context) int) int {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	defer signal.Stop(signals)
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	defer signal.Stop(pipe)

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan int, 1)
	go func() { done <- a.guarded(func() int { return run(ctx) }) }()
	select {
	case code := <-done:
		return code
	case s := <-signals:
		return a.interrupt(s, cancel, done)
	}
}

// ignorePipe makes a write to a pipe without reader an error, without the thread
// that a handler needs. patiently replaces it by one before it can be inherited.
func ignorePipe() { signal.Ignore(syscall.SIGPIPE) }

// catchPipe does the same for commands that start programs: a handler, unlike an
// ignored signal, is not inherited. What our caller ignored stays ignored.
func catchPipe() (stop func()) {
	if signal.Ignored(syscall.SIGPIPE) {
		return func() {}
	}
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	return func() { signal.Stop(pipe) }
}

// interrupt ends the command. A command that is just delivering finishes that: a
// token that is out is not taken back by a status that says it never came.
func (a *app) interrupt(s os.Signal, cancel context.CancelCauseFunc, done <-chan int) int {
	status := statusOf(s)
	delivering := !a.out.shut()
	cancel(interrupted{status})
	if status == statusQUIT {
		_, _ = io.WriteString(a.err, "awf-cred: ended by SIGQUIT\n")
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case code := <-done:
		if delivering {
			return code
		}
	case <-timer.C:
	}
	return status
}

func statusOf(s os.Signal) int {
	switch s {
	case os.Interrupt:
		return statusINT
	case syscall.SIGQUIT:
		return statusQUIT
	default:
		return statusTERM
	}
}

// interruption is the exit status when ctx was ended by a signal.
func interruption(ctx context.Context) (status int, yes bool) {
	var i interrupted
	if errors.As(context.Cause(ctx), &i) {
		return i.status, true
	}
	return 0, false
}

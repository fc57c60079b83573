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

func ownsSignals(root *cobra.Command, args []string) bool {
	cmd, _, err := root.Find(args)
	return err == nil && cmd.Annotations[ownSignals] != ""
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

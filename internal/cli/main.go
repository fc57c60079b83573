// Package cli is the command line: one file for each command that parses, calls
// and prints; wire.go turns a profile into a token source, once for all commands;
// exit.go renders errors and chooses the exit status.
//
// [Main] is the whole program as a function of its [System], so that tests call it
// with other streams and another environment. Standard output is written once, at
// the end, and only on success; everything else goes to standard error.
package cli

import (
	"context"
	"io"
)

// Main runs the program with args (without the program's name) and returns its
// exit status.
func Main(ctx context.Context, args []string, sys System) int {
	harden()
	a := newApp(sys)
	root := newRootCmd(a, args)
	a.completing = len(args) > 0 && isCompletion(args[0])
	root.SetArgs(args)
	if a.completing {
		registerCompletions(a, root)
	}
	if late := marked(root, args, lateSignals); late || marked(root, args, ownSignals) {
		if late {
			ignorePipe()
		}
		return a.guarded(func() int { return a.execute(ctx, root, args) })
	}
	return a.interruptible(ctx, func(ctx context.Context) int { return a.execute(ctx, root, args) })
}

// guarded turns a panic into a fixed text: a stack could show what it holds.
func (a *app) guarded(run func() int) (code int) {
	defer func() {
		if recover() != nil {
			_, _ = io.WriteString(a.err, "awf-cred: internal error: this is a defect, please report the command and its version\n(internal, exit 1)\n")
			code = 1
		}
	}()
	return run()
}

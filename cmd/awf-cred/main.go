// Command awf-cred gives a workload a short-lived credential for an AI API in
// exchange for its platform's identity token.
package main

import (
	"context"
	"os"
	"runtime"

	"golang.org/x/term"

	"github.com/awf-cred/awf-cred/internal/cli"
	"github.com/awf-cred/awf-cred/internal/clock"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], cli.System{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Environ(),
		Clock: clock.System{}, TTY: term.IsTerminal(int(os.Stderr.Fd())), GOOS: runtime.GOOS,
	}))
}

package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/config"
)

// app is one run of the program: what commands share.
type app struct {
	sys    System
	err    *lockedWriter // standard error, one record at a time
	out    *delivery     // standard output, once
	random io.Reader
	log    *slog.Logger
	masks  masks

	cmd        *cobra.Command // the command that runs, nil while arguments are read
	cfg        *config.Config // nil until it was read
	provider   string         // of the profile in force, empty while it is not known
	completing bool           // the shell asks for completions

	failed                  int  // the exit status of every failure, 0: that of its class
	quiet, verbose, version bool // the flags

	warned     []string // warnings about the configuration that were given
	helpFailed error    // the help was asked for and could not be delivered
}

func newApp(sys System) *app {
	a := &app{
		sys: sys, err: &lockedWriter{w: sys.Err}, out: newDelivery(sys.Out),
		random: rand.Reader, log: slog.New(slog.DiscardHandler),
	}
	a.masks = masks{w: a.err, on: strings.EqualFold(a.env("GITHUB_ACTIONS"), "true")}
	return a
}

// execute runs the command line and renders its error.
func (a *app) execute(ctx context.Context, root *cobra.Command, args []string) int {
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil && a.helpFailed != nil {
		return a.fail(a.helpFailed, false) // cobra's help has no error of its own
	}
	if err == nil {
		return 0
	}
	var e ended
	if errors.As(err, &e) {
		return e.status
	}
	if status, yes := interruption(ctx); yes {
		return status // the text of a cancelled step would only confuse
	}
	if cmd != nil {
		a.failed, _ = strconv.Atoi(cmd.Annotations[failStatus]) // 0 where there is none
	}
	if a.cmd == nil { // nothing ran: the arguments were not understood
		err = commandLineError(cmd, err)
	}
	return a.fail(err, a.wantsJSON(cmd, args))
}

// action makes a cobra function of a command's run function, and marks that the
// arguments were understood.
func (a *app) action(run func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.cmd = cmd
		if a.version {
			return runVersion(a, versionOptions{format: "text"})
		}
		return run(cmd.Context(), args)
	}
}

// env returns a variable, empty when it is absent. Of a name that occurs twice the
// first counts, as for the C library.
func (a *app) env(name string) string {
	for _, entry := range a.sys.Env {
		key, value, ok := strings.Cut(entry, "=")
		if ok && (key == name || a.sys.GOOS == "windows" && strings.EqualFold(key, name)) {
			return value
		}
	}
	return ""
}

// isSet reports whether a variable is there and not blank: a workflow cannot
// leave one out, it can only leave it empty.
func (a *app) isSet(name string) bool { return strings.TrimSpace(a.env(name)) != "" }

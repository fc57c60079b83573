package cli

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// exitStatus ends the program with a status and without a text: the child of
// exec has said what there is to say.
type exitStatus int

func (e exitStatus) Error() string { return "exit status " + strconv.Itoa(int(e)) }

// failStatus marks a command whose failures all have one exit status (exec: 125).
// Their class is told on standard error.
const failStatus = "fail-status"

// classes is the one table of error classes and exit codes; docs/exit-codes.md is
// compared with it.
var classes = []struct {
	cause exchange.Cause
	code  int
}{
	{exchange.Internal, 1},
	{exchange.Usage, 2},
	{exchange.Identity, 3},
	{exchange.Refused, 4},
	{exchange.Unavailable, 5},
	{exchange.Storage, 6},
	{exchange.Proxy, 7},
}

// classify finds the class and the exit code of an error.
func classify(err error) (exchange.Cause, int) {
	cause := exchange.Internal
	var typed *exchange.Error
	switch {
	case errors.As(err, &typed):
		cause = typed.Cause
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		cause = exchange.Unavailable
	default:
		for _, c := range classes {
			if errors.Is(err, c.cause) {
				cause = c.cause
			}
		}
	}
	for _, c := range classes {
		if c.cause == cause {
			return c.cause, c.code
		}
	}
	return exchange.Internal, 1
}

// fail renders err on standard error and returns the exit status.
func (a *app) fail(err error, asJSON bool) int {
	var status exitStatus
	switch {
	case errors.As(err, &status):
		return int(status)
	case errors.Is(err, errGone):
		return statusPIPE
	}
	f := describe(err)
	if a.provider != "" {
		f.Provider = a.provider // also where it was the mint, or a setting, that failed
	}
	if a.failed != 0 {
		f.Code = a.failed
	}
	if asJSON {
		if b, err := output.FailureJSON(f); err == nil {
			_, _ = a.err.Write(b)
		}
		return f.Code
	}
	_, _ = a.err.Write([]byte(a.block(f)))
	return f.Code
}

// describe is what there is to say about an error.
func describe(err error) output.Failure {
	cause, code := classify(err)
	f := output.Failure{Class: string(cause), Code: code, Message: err.Error(), Retryable: cause == exchange.Unavailable}
	var typed *exchange.Error
	if errors.As(err, &typed) {
		f.Provider, f.Status, f.OAuthError, f.RequestID, f.Hint = typed.Provider, typed.Status, typed.Code, typed.RequestID, typed.Hint
		if typed.Shared {
			f.Message += " (answered to another run of the last 5 s; --force-refresh asks again)"
		}
	}
	var problems *config.Problems
	if errors.As(err, &problems) {
		f.Hint = problems.Hint()
	}
	f.Message, f.Hint = printable(f.Message), printable(f.Hint)
	return f
}

// block is the text of an error: what failed and why, what to do about it, and
// the class, exit code and request id. Only its first line begins at the margin
// with words that can come from elsewhere behind ours.
func (a *app) block(f output.Failure) string {
	var b strings.Builder
	lines := strings.Split(f.Message, "\n")
	b.WriteString(a.style("awf-cred:", red) + " " + lines[0] + "\n")
	for _, line := range lines[1:] {
		b.WriteString("  " + line + "\n")
	}
	for line := range strings.SplitSeq(f.Hint, "\n") {
		if line != "" {
			b.WriteString(a.style("hint:", bold) + " " + line + "\n")
		}
	}
	b.WriteString("(" + f.Class + ", exit " + strconv.Itoa(f.Code))
	if f.RequestID != "" {
		b.WriteString(", request id " + oneLine(f.RequestID))
	}
	b.WriteString(")\n")
	return b.String()
}

// wantsJSON reports whether errors are to be objects: --format json of the
// command, or the log format. It works for a command line that was not understood
// as well.
func (a *app) wantsJSON(cmd *cobra.Command, args []string) bool {
	if formatOf(cmd) == "json" {
		return true
	}
	if a.cmd == nil && (argument(args, "format") == "json" || argument(args, "log-format") == "json") {
		return true
	}
	if a.cfg != nil {
		return a.cfg.Global.LogFormat == "json"
	}
	if cmd != nil {
		if f := cmd.Flags().Lookup("log-format"); f != nil && f.Changed {
			return f.Value.String() == "json"
		}
	}
	return strings.TrimSpace(a.env("AWF_CRED_LOG_FORMAT")) == "json"
}

// formatOf is the value of a command's --format, empty where it has none.
func formatOf(cmd *cobra.Command) string {
	if cmd == nil {
		return ""
	}
	if f := cmd.Flags().Lookup("format"); f != nil {
		return f.Value.String()
	}
	return ""
}

// argument finds the last value of a flag in arguments that were not parsed.
func argument(args []string, name string) (value string) {
	for i, arg := range args {
		switch {
		case arg == "--":
			return value
		case arg == "--"+name && i+1 < len(args):
			value = args[i+1]
		case strings.HasPrefix(arg, "--"+name+"="):
			value = strings.TrimPrefix(arg, "--"+name+"=")
		}
	}
	return value
}

package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/scrub"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// command runs a program that prints a token. There is no shell between: argv is
// what the program gets. It runs in a process group of its own, which is gone
// when the call returns, whatever the program left behind in it.
type command struct {
	argv    []string
	timeout time.Duration
	keyEnv  []string
	environ []string // never nil, which would stand for this process's own
	env     func(string) string
	goos    string
	check   checker
	clock   tokensource.Clock
	log     *slog.Logger
}

var (
	errRelative      = errors.New("is relative to the working directory, where nothing is run from; write its absolute path")
	errNotFound      = errors.New("was not found in the absolute entries of PATH")
	errNotExecutable = errors.New("is not executable")
	errTooMuch       = fmt.Errorf("printed more than %d KiB", maxSource>>10)
)

const renewCommand = "the program prints an old token: have it obtain a new one each time it runs"

// Assertion runs the program and returns what it prints.
func (c *command) Assertion(ctx context.Context, _ string) (exchange.Assertion, error) {
	if len(c.argv) == 0 {
		return exchange.Assertion{}, failure("command", "no program is named", "write argv: [/path/of/the/program, argument]", nil)
	}
	path, err := program(c.argv[0], c.env, c.goos)
	if err != nil {
		return exchange.Assertion{}, c.failed(err, "", "", nil)
	}
	timeout := c.timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	out := c.run(ctx, path, timeout)
	printed := secret.New(strings.TrimSpace(string(out.stdout)))
	said := scrub.Text(strings.TrimSpace(string(out.stderr)), printed)
	if err := out.err; err != nil {
		return exchange.Assertion{}, c.failed(err, said, "", ctx.Err())
	}
	a, err := c.check.assertion(string(out.stdout))
	if err != nil {
		return exchange.Assertion{}, c.failed(printedBad{err}, said, advice(err, renewCommand), nil)
	}
	if said != "" {
		c.log.InfoContext(ctx, "identity command", "program", scrub.Text(c.argv[0]), "stderr", said)
	}
	return a, nil
}

// printedBad is a fault of the output, not of the run.
type printedBad struct{ fault error }

func (p printedBad) Error() string { return p.fault.Error() }

// Fingerprint names the job by the command and the variables that tell one job's
// from another's; the program does not run for it.
func (c *command) Fingerprint(context.Context) (string, error) {
	parts := append([]string{"command", fmt.Sprint(len(c.argv))}, c.argv...)
	for _, name := range c.keyEnv {
		parts = append(parts, name, c.env(name))
	}
	return digest(parts...), nil
}

// failed words a failure. The arguments may hold a secret and are not repeated.
func (c *command) failed(err error, said, hint string, cause error) error {
	text := scrub.Text(c.argv[0]) + " "
	var bad printedBad
	var exit *exec.ExitError
	switch {
	case errors.As(err, &bad) && errors.Is(bad.fault, errEmpty):
		text += "printed nothing"
	case errors.As(err, &bad):
		text += "printed something that " + clause(bad.fault)
	case errors.As(err, &exit):
		text += "failed: " + exit.String()
	default:
		text += err.Error()
	}
	if said != "" {
		text += "; it said: " + said
	}
	return failure("command", scrub.Text(text), hint, cause)
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/child"
	"github.com/awf-cred/awf-cred/internal/serve"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

type execOptions struct {
	proxyFlags
	keep, drop []string
}

func newExecCmd(a *app) *cobra.Command {
	var o execOptions
	cmd := &cobra.Command{
		Use:   "exec [flags] -- command [arguments]",
		Short: "Run a program that calls an AI API and never holds the credential",
		Long: `Start a reverse proxy on a free local port, and run a program whose environment
points at it with a key made for this run. The program's requests get the
profile's credential; the program itself never has it: its environment loses every
credential and GitHub's request variables, and the credential is kept in memory
alone. --cache file shares it with other runs through a file, which the program
could read under the same user.

The program's standard streams, terminal, signals and exit status are its own:
its status, or 128 plus the number of the signal that ended it; 126 when it cannot
be run, 127 when it is not found, 125 when we failed before it was started.

127.0.0.1, localhost and ::1 are added to its NO_PROXY. HTTP_PROXY and the like,
and GITHUB_TOKEN, stay; --keep-env and --drop-env change what is removed.`,
		Example: `  awf-cred exec -- claude -p "explain this repository"
  awf-cred exec --allow inference -- python agent.py
  awf-cred exec --profile review --keep-env AWS_PROFILE -- ./tool`,
		Annotations:           map[string]string{usesSettings: "yes", ownSignals: "yes", failStatus: "125"},
		DisableFlagsInUseLine: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("exec", "the command to run is missing", "write it behind --: awf-cred exec -- command arguments")
			}
			return nil
		},
	}
	cmd.RunE = a.action(func(ctx context.Context, args []string) error { return runExec(ctx, a, &o, args) })
	fs := cmd.Flags()
	fs.SetInterspersed(false)
	fs.StringArrayVar(&o.keep, "keep-env", nil, "leave this `variable` to the program; repeatable")
	fs.StringArrayVar(&o.drop, "drop-env", nil, "take this `variable` away from it too; repeatable")
	o.bind(cmd)
	minTTLFlag(cmd)
	return cmd
}

// runExec finds the program, obtains the credential, starts the proxy, runs the
// program, and ends like it.
func runExec(ctx context.Context, a *app, o *execOptions, argv []string) error {
	signals := make(chan os.Signal, 16)
	for _, s := range child.Forwarded() {
		if !signal.Ignored(s) { // what our caller ignored (nohup, a job in the background), the program ignores too
			signal.Notify(signals, s)
		}
	}
	defer signal.Stop(signals)
	defer catchPipe()()
	serve.Harden(a.isSet("GOGC"))
	a.masks.on = a.masks.on && !intoFile(a.sys.Err) // the program may read that file

	path, err := child.Look(argv[0], a.env("PATH"))
	if err != nil {
		return a.notStarted(err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	type start struct {
		run *execRun
		err error
	}
	started := make(chan start, 1)
	go func() {
		var r *execRun
		err := a.contained(func() (err error) { r, err = o.start(ctx, a); return err })
		started <- start{r, err}
	}()
	for {
		select {
		case s := <-started:
			if s.err != nil {
				return s.err
			}
			defer s.run.end()
			return s.run.child(ctx, a, o, path, argv, signals)
		case sig := <-signals:
			if status, ends := endsStart(sig); ends {
				return exitStatus(status)
			}
		}
	}
}

// endsStart reports whether a signal that comes before the program runs ends us,
// as it would end any command.
func endsStart(s os.Signal) (status int, ends bool) {
	switch s {
	case os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT:
		return statusOf(s), true
	case syscall.SIGHUP:
		return 128 + int(syscall.SIGHUP), true
	}
	return 0, false
}

// child runs the program.
func (r *execRun) child(ctx context.Context, a *app, o *execOptions, path string, argv []string, signals <-chan os.Signal) error {
	status, err := child.Run(ctx, child.Program{
		Path: path, Args: argv, Env: r.environment(a, o), In: a.sys.In, Out: a.sys.Out, Err: a.sys.Err, Signals: signals,
	})
	if err != nil {
		return a.notStarted(err)
	}
	return exitStatus(status)
}

// notStarted says why a program could not be started, and ends with the status
// that shells give for it.
func (a *app) notStarted(err error) error {
	var e *child.StartError
	if errors.As(err, &e) {
		_, _ = fmt.Fprintf(a.err, "awf-cred: exec: %s\n", printable(e.Error()))
		return exitStatus(e.Status)
	}
	return &exchange.Error{Step: "exec", Cause: exchange.Unavailable, Description: "the system could not start another process", Err: err}
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/child"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/serve"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
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
	signal.Notify(signals, child.Forwarded()...)
	defer signal.Stop(signals)
	ignorePipe()
	serve.Harden(a.isSet("GOGC"))

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

// execRun is the proxy of one program.
type execRun struct {
	wired *wired
	url   *url.URL
	key   secret.Value
	stop  context.CancelFunc
	done  chan error
	hub   *serve.Hub
	log   *slog.Logger
}

// start obtains the first credential, with all attempts, and binds the proxy.
func (o *execOptions) start(ctx context.Context, a *app) (*execRun, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &execRun{hub: serve.NewHub(a.sys.Clock.Now), done: make(chan error, 1)}
	plan, err := o.plan(ctx, a, r.hub)
	if err != nil {
		return nil, err
	}
	r.wired, r.log = plan.profiles[0], a.log
	if err := o.openLogs(a, r.hub); err != nil {
		return nil, err
	}
	bounded, cancel := a.within(ctx)
	defer cancel()
	if _, err := r.wired.Credential(bounded); err != nil {
		r.hub.Close()
		return nil, err
	}
	if err := r.serve(ctx, a, o, plan); err != nil {
		r.hub.Close()
		return nil, err
	}
	return r, nil
}

// plan is one listener on a free port of the loopback interface. The credential is
// kept in memory unless the flag --cache says otherwise.
func (o *execOptions) plan(ctx context.Context, a *app, hub *serve.Hub) (*planned, error) {
	how := wiring{Store: "memory"}
	if f := a.cmd.Flags().Lookup("cache"); f != nil && f.Changed {
		how.Store = ""
	}
	p := &planner{
		app: a, flags: &o.proxyFlags, hub: hub, how: how,
		listeners: func(*config.Config) ([]listenerSpec, error) {
			if names := all(a.cmd.Flags(), "profile"); len(names) > 1 {
				return nil, usage("flag --profile", "is given more than once: one program has one profile")
			}
			return []listenerSpec{{listen: "127.0.0.1:0"}}, nil
		},
	}
	return p.plan(ctx)
}

// serve starts the proxy and waits until it is bound.
func (r *execRun) serve(ctx context.Context, a *app, o *execOptions, plan *planned) (err error) {
	if r.key, err = newKey(a); err != nil {
		return err
	}
	a.masks.hide(r.key)
	key, err := proxy.NewKey(r.key)
	if err != nil {
		return err
	}
	bounds := o.relay()
	bounds.Log = a.log
	if !a.cmd.Flags().Changed("drain-timeout") {
		bounds.DrainTimeout = -1 // the program has ended: nobody waits for what is still open
	}
	bound := make(chan serve.Ready, 1)
	serving, stop := context.WithCancel(ctx)
	r.stop = stop
	go func() {
		r.done <- a.contained(func() error {
			return serve.Run(serving, serve.Options{
				Plan: plan.Plan, Hub: r.hub, Clock: a.sys.Clock, Key: key, Relay: bounds, Admin: o.admin, Log: a.log,
				Bound: func(ready serve.Ready) { bound <- ready },
			})
		})
	}()
	select {
	case ready := <-bound:
		r.url, err = url.Parse(*ready.Listeners[0].URL)
		return err
	case err := <-r.done:
		r.done <- err
		stop()
		return err
	}
}

// end stops the proxy.
func (r *execRun) end() {
	r.stop()
	if err := <-r.done; err != nil { // the program's end is what counts
		r.log.Debug("proxy of the program ended", "reason", err)
	}
	r.hub.Close()
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

// environment is the program's: ours without credentials, and with the variables
// that lead to the proxy.
func (r *execRun) environment(a *app, o *execOptions) child.Env {
	drop := slices.Clone(o.drop)
	for _, v := range provider.All {
		drop = append(append(drop, v.StaticKeys...), v.IdentityEnv...)
	}
	if id := r.wired.Profile.Identity; id.Type == config.Env {
		drop = append(drop, id.EnvName)
	}
	env := child.Env(a.sys.Env).Scrub(o.keep, drop).NoProxy()
	for _, v := range r.wired.Provider.ProxyEnv(r.wired.Profile.Values, r.url, r.key) {
		switch _, set := env.Get(v.Name); {
		case v.Unset && slices.Contains(o.keep, v.Name), set && callersChoice(v.Name):
		case v.Unset:
			env = env.Unset(v.Name)
		default:
			env = env.Set(v.Name, v.Value.Reveal())
		}
	}
	return env
}

// callersChoice are variables that say where a client works, not how it
// authenticates: what the caller set stays.
func callersChoice(name string) bool {
	switch name {
	case "ANTHROPIC_VERTEX_PROJECT_ID", "CLOUD_ML_REGION", "AWS_REGION":
		return true
	}
	return false
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

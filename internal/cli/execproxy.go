package cli

import (
	"context"
	"log/slog"
	"net/url"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/serve"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

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

package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/serve"
)

// runServe is serve from its first signal to its last.
func runServe(ctx context.Context, a *app, o *serveOptions) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	defer catchPipe()() // an identity's command must not inherit an ignored signal
	serve.Harden(a.isSet("GOGC"))

	ctx, drain := context.WithCancel(ctx)
	defer drain()
	hangup := make(chan struct{}, 1)
	done := make(chan error, 1)
	go func() {
		done <- a.contained(func() error { return o.run(ctx, a, hangup) })
	}()
	var parentGone <-chan struct{}
	if o.withParent {
		parentGone = serve.WatchParent(ctx)
	}
	draining := false
	for {
		select {
		case err := <-done:
			return err
		case <-parentGone:
			drain()
			return a.lingering(o, done)
		case s := <-signals:
			switch {
			case s == syscall.SIGHUP:
				select {
				case hangup <- struct{}{}:
				default: // one is due already
				}
			case s == syscall.SIGQUIT:
				_, _ = a.err.Write([]byte("awf-cred: ended by SIGQUIT\n"))
				o.abandon()
				return exitStatus(statusQUIT)
			case draining:
				o.abandon()
				return exitStatus(statusOf(s))
			default:
				draining = true
				drain()
			}
		}
	}
}

// abandon leaves nothing behind where there is no time for anything else: a ready
// file names a port that others can take, and may hold a key that is theirs then.
func (o *serveOptions) abandon() {
	left := make(chan struct{})
	go func() {
		defer close(left)
		if sinks := o.remains.Load(); sinks != nil {
			serve.Abandon(o.readyFile, *sinks)
		}
		if hub := o.hub.Load(); hub != nil {
			hub.Flush()
		}
	}()
	t := time.NewTimer(patience) // a disk may hang
	defer t.Stop()
	select {
	case <-left:
	case <-t.C:
	}
}

// lingering gives the server a moment to remove its files, then ends it.
func (a *app) lingering(o *serveOptions, done <-chan error) error {
	t := time.NewTimer(500 * time.Millisecond)
	defer t.Stop()
	select {
	case err := <-done:
		if err != nil {
			a.log.Debug("ended with the parent", "reason", err)
		}
	case <-t.C:
		o.abandon()
	}
	return exitStatus(statusTERM)
}

// run reads the configuration and serves.
func (o *serveOptions) run(ctx context.Context, a *app, hangup <-chan struct{}) error {
	a.masks.on = a.masks.on && !intoFile(a.sys.Err)
	if err := o.prepare(a); err != nil {
		return err
	}
	key, containerKey, generated, err := o.clientKey(a)
	if err != nil {
		return err
	}
	hub := serve.NewHub(a.sys.Clock.Now)
	p := &planner{
		app: a, flags: &o.proxyFlags, hub: hub, level: "info", how: wiring{KeepGoing: o.keepServing},
		listeners: func(cfg *config.Config) ([]listenerSpec, error) { return o.specs(a, cfg) },
		others:    o.others, minting: o.minting,
	}
	plan, err := p.plan(ctx)
	if err != nil {
		return err
	}
	if err := o.openLogs(a, hub); err != nil {
		return err
	}
	o.hub.Store(hub)
	defer hub.Close()
	sinks, err := o.makeSinks(a, plan)
	if err != nil {
		return err
	}
	container, err := o.credentialsProfile(plan)
	if err != nil {
		return err
	}
	admin := o.admin
	if admin == "" {
		admin = plan.cfg.Serve().AdminListen.Value
	}
	options := serve.Options{
		Plan: plan.Plan, Sinks: sinks, Hub: hub, Clock: a.sys.Clock, Key: key, Relay: o.relay(), AllowRemote: o.allowRemote, AllowedHosts: o.allowedHosts, Admin: admin,
		Credentials: o.credentials, CredentialsProfile: container, CredentialsKey: containerKey, ReadyFile: o.readyFile, ReadyFD: o.readyFD,
		GeneratedKey: generated, Hangup: hangup, Log: a.log, Notify: a.notify(), Watchdog: a.watchdog(),
		Reload: func(ctx context.Context) (serve.Plan, error) {
			anew := *p
			anew.app, anew.broken = a.again(), nil
			next, err := anew.plan(ctx)
			if err != nil {
				return serve.Plan{}, err
			}
			if o.keyFile != "" {
				next.ClientKey, err = readKeyFile(o.keyFile)
			}
			return next.Plan, err
		},
	}
	options.Relay.Log = a.log
	o.remains.Store(&sinks)
	return serve.Run(ctx, options)
}

// prepare checks the flags and takes over sockets of systemd.
func (o *serveOptions) prepare(a *app) error {
	if err := o.check(); err != nil {
		return err
	}
	switch {
	case o.key != "" && o.key != "generate":
		return oneOf("client-key", o.key, []string{"generate"})
	case o.key != "" && o.keyFile != "":
		return usage("flags --client-key and --client-key-file", "contradict each other", "give one of them")
	case o.withParent && a.sys.GOOS == "windows":
		return usage("flag --die-with-parent", "is not there on Windows")
	case o.readyFDChosen && o.readyFD <= 0:
		return usage("flag --ready-fd", "is not the number of a descriptor", "open one for writing, as in: awf-cred serve --ready-fd 3 3>file")
	case o.keyFile == "" && (o.key != "" || o.credentials != "") && o.readyFile == "" && o.readyFD == 0:
		return usage("flags --client-key and --credentials-endpoint", "nobody would learn the key that is generated",
			"give --ready-file or --ready-fd, into which it is put, or --client-key-file")
	}
	if a.isSet("LISTEN_FDS") {
		var err error
		if o.inherited, err = serve.Inherit(activation.Files(true)); err != nil {
			return err
		}
	}
	if len(o.inherited) > 0 && len(o.listen) > 0 {
		return usage("flag --listen", "contradicts the sockets that the service manager passed", "leave --listen out, or start without LISTEN_FDS")
	}
	return nil
}

// notify tells systemd of changes of state, if it asked for it.
func (a *app) notify() func(string) {
	if !a.isSet("NOTIFY_SOCKET") {
		return nil
	}
	return func(state string) {
		if state == "RELOADING=1" { // Type=notify-reload wants to know when it began (sd_notify(3))
			state = daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec()
		}
		if _, err := daemon.SdNotify(false, state); err != nil {
			a.log.Warn("service manager was not told", "reason", err)
		}
	}
}

// watchdog is how long systemd waits for a sign of life, if it does (WatchdogSec=).
func (a *app) watchdog() time.Duration {
	if !a.isSet("NOTIFY_SOCKET") || !a.isSet("WATCHDOG_USEC") {
		return 0
	}
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		a.log.Warn("WATCHDOG_USEC is ignored", "reason", err)
	}
	return interval
}

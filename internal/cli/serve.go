package cli

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/serve"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

type serveOptions struct {
	proxyFlags
	listen        []string
	readyFile     string
	readyFD       int
	allowRemote   bool
	keyFile       string
	key           string
	keepServing   bool
	withParent    bool
	sinks         []string
	sinkCleanup   bool
	credentials   string
	inherited     []net.Listener // from systemd
	readyFDChosen bool
	hub           atomic.Pointer[serve.Hub] // once its logs are open
}

func newServeCmd(a *app) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve an AI API on a local port with the credential set",
		Long: `Run a reverse proxy on a local port. Clients send requests without a credential of
their own; serve removes what they send, sets the profile's credential, and renews
it for as long as it runs. Clients never see the credential.

Every process of this machine can use the port, unless --client-key-file or
--client-key generate demands a key: in a credential header, or as the first
segment of the path (/KEY/v1/...). A unix socket (--listen unix:PATH) is for
processes of this user only.

With one profile every --listen serves it; with several the first --listen serves
the first --profile, and so on. Without --listen the serve section of the config
file says what listens, else the provider's port: openai and azure 10000,
anthropic 10001, gcp 10004, aws 10005.

A request that failed on a kept connection before an answer came is sent once
more, POST included; it may then run twice.

SIGTERM or SIGINT drains, a second one ends at once. SIGHUP reads the
configuration, the certificates and the client key anew, and opens the logs anew.`,
		Example: `  awf-cred serve
  awf-cred serve --listen 127.0.0.1:0 --ready-file "$RUNNER_TEMP/awf-cred.json" &
  out=$(awf-cred env --ready-file "$RUNNER_TEMP/awf-cred.json" --wait 30s) && eval "$out"
  awf-cred serve --listen unix:/run/user/1000/claude.sock --allow inference
  awf-cred serve --listen 0.0.0.0:10001 --allow-remote --client-key-file key`,
		Args:        noArguments,
		Annotations: map[string]string{usesSettings: "yes", ownSignals: "yes"},
	}
	cmd.RunE = a.action(func(ctx context.Context, _ []string) error {
		o.readyFDChosen = cmd.Flags().Changed("ready-fd")
		return runServe(ctx, a, &o)
	})
	fs := cmd.Flags()
	fs.StringArrayVar(&o.listen, "listen", nil, "`host:port` or unix:path; port 0 is any free one; repeatable")
	fs.StringVar(&o.readyFile, "ready-file", "", "write the addresses as JSON to `file` as soon as they are bound")
	fs.IntVar(&o.readyFD, "ready-fd", 0, "the same to an open `descriptor`")
	fs.BoolVar(&o.allowRemote, "allow-remote", false, "permit addresses that other machines reach; needs a client key")
	fs.StringVar(&o.keyFile, "client-key-file", "", "demand the key in the first line of `file` from every client")
	fs.StringVar(&o.key, "client-key", "", "`generate`: make a key and put it into the ready file")
	fs.BoolVar(&o.keepServing, "keep-serving", false, "go on when the configuration cannot work, and say so to clients")
	fs.BoolVar(&o.withParent, "die-with-parent", false, "end when the process that started us ends")
	fs.StringArrayVar(&o.sinks, "sink", nil, "keep a file fresh: `kind:path`; repeatable")
	fs.BoolVar(&o.sinkCleanup, "sink-cleanup", false, "remove what sinks wrote at the end")
	fs.StringVar(&o.credentials, "credentials-endpoint", "", "serve AWS container credentials on `host:port`")
	o.bind(cmd)
	minTTLFlag(cmd)
	return cmd
}

// runServe is serve from its first signal to its last.
func runServe(ctx context.Context, a *app, o *serveOptions) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	ignorePipe()
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
			return a.lingering(done)
		case s := <-signals:
			switch {
			case s == syscall.SIGHUP:
				select {
				case hangup <- struct{}{}:
				default: // one is due already
				}
			case s == syscall.SIGQUIT:
				_, _ = a.err.Write([]byte("awf-cred: ended by SIGQUIT\n"))
				o.flush()
				return exitStatus(statusQUIT)
			case draining:
				o.flush()
				return exitStatus(statusOf(s))
			default:
				draining = true
				drain()
			}
		}
	}
}

// flush writes what the logs hold when there is no time for anything else.
func (o *serveOptions) flush() {
	if hub := o.hub.Load(); hub != nil {
		hub.Flush()
	}
}

// lingering gives the server a moment to remove its files, then ends it.
func (a *app) lingering(done <-chan error) error {
	t := time.NewTimer(500 * time.Millisecond)
	defer t.Stop()
	select {
	case err := <-done:
		if err != nil {
			a.log.Debug("ended with the parent", "reason", err)
		}
	case <-t.C:
	}
	return exitStatus(statusTERM)
}

// run reads the configuration and serves.
func (o *serveOptions) run(ctx context.Context, a *app, hangup <-chan struct{}) error {
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
		others:    o.others,
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
		Plan: plan.Plan, Sinks: sinks, Hub: hub, Clock: a.sys.Clock, Key: key, Relay: o.relay(), AllowRemote: o.allowRemote, Admin: admin,
		Credentials: o.credentials, CredentialsProfile: container, CredentialsKey: containerKey, ReadyFile: o.readyFile, ReadyFD: o.readyFD,
		GeneratedKey: generated, Hangup: hangup, Log: a.log, Notify: a.notify(),
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
		return usage("flag --ready-fd", "is not the number of a descriptor")
	}
	if a.isSet("LISTEN_FDS") {
		inherited, err := activation.Listeners()
		if err != nil {
			return usage("LISTEN_FDS", "names sockets that cannot be used")
		}
		for _, ln := range inherited {
			if ln != nil {
				o.inherited = append(o.inherited, ln)
			}
		}
	}
	if len(o.inherited) > 0 && len(o.listen) > 0 {
		return usage("flag --listen", "contradicts the sockets that the service manager passed", "leave --listen out, or start without LISTEN_FDS")
	}
	return nil
}

// specs pairs listeners with profiles.
func (o *serveOptions) specs(a *app, cfg *config.Config) ([]listenerSpec, error) {
	profiles := all(a.cmd.Flags(), "profile")
	file := cfg.Serve().Listeners
	given := len(o.listen) + len(o.inherited)
	if given == 0 && len(profiles) == 0 && len(file) > 0 {
		specs := make([]listenerSpec, len(file))
		for i, l := range file {
			specs[i] = listenerSpec{profile: l.Profile, listen: l.Listen, upstream: l.Upstream, basePath: l.BasePath, allow: l.Allow}
		}
		return specs, nil
	}
	if len(profiles) < 2 {
		return o.oneProfile(cfg), nil
	}
	if len(all(a.cmd.Flags(), "upstream")) > 0 || len(all(a.cmd.Flags(), "base-path")) > 0 {
		return nil, usage("flags --upstream and --base-path", "are for one profile", "write them into the profiles of the config file")
	}
	if given > 0 && given != len(profiles) {
		return nil, usage("flags --listen and --profile", "there are "+strconv.Itoa(given)+" addresses for "+strconv.Itoa(len(profiles))+" profiles",
			"give one --listen for each --profile, in the same order")
	}
	if given == 0 && o.withoutProxy(cfg) {
		return nil, usage("flags --sink and --credentials-endpoint", "serve one profile at a time", "give one --profile, or --listen for each")
	}
	specs := make([]listenerSpec, len(profiles))
	for i, name := range profiles {
		specs[i].profile = name
		if i < len(o.listen) {
			specs[i].listen = o.listen[i]
		}
		if i < len(o.inherited) {
			specs[i].bound = o.inherited[i]
		}
	}
	return specs, nil
}

// oneProfile serves the profile in force at every address; where only files or
// the credentials endpoint are wanted there is no proxy.
func (o *serveOptions) oneProfile(cfg *config.Config) (specs []listenerSpec) {
	for _, l := range o.listen {
		specs = append(specs, listenerSpec{listen: l})
	}
	for _, ln := range o.inherited {
		specs = append(specs, listenerSpec{bound: ln})
	}
	if len(specs) == 0 && !o.withoutProxy(cfg) {
		specs = []listenerSpec{{}}
	}
	return specs
}

// withoutProxy reports whether there is something to do where nothing listens.
func (o *serveOptions) withoutProxy(cfg *config.Config) bool {
	return len(o.sinks) > 0 || o.credentials != "" || len(cfg.Serve().Sinks) > 0
}

// clientKey is the key that clients must show, nil for none, that of the
// credentials endpoint, which always has one, and the one that was made here.
func (o *serveOptions) clientKey(a *app) (key, container *proxy.Key, generated secret.Value, err error) {
	var value secret.Value
	switch {
	case o.keyFile != "":
		value, err = readKeyFile(o.keyFile)
	case o.key != "", o.credentials != "":
		value, err = newKey(a)
		generated = value
	default:
		return nil, nil, generated, nil
	}
	if err != nil {
		return nil, nil, generated, err
	}
	a.masks.hide(value)
	made, err := proxy.NewKey(value)
	switch {
	case err != nil:
		return nil, nil, generated, usage("client key", err.Error())
	case o.keyFile == "" && o.key == "":
		return nil, made, generated, nil
	}
	return made, made, generated, nil
}

// keyBytes is the length of a key that we make: 256 bits.
const keyBytes = 32

// newKey makes a client key.
func newKey(a *app) (secret.Value, error) {
	b := make([]byte, keyBytes)
	random := a.random
	if random == nil {
		random = rand.Reader
	}
	if _, err := random.Read(b); err != nil {
		return secret.Value{}, err
	}
	return secret.New(base64.RawURLEncoding.EncodeToString(b)), nil
}

// notify tells systemd of changes of state, if it asked for it.
func (a *app) notify() func(string) {
	if !a.isSet("NOTIFY_SOCKET") {
		return nil
	}
	return func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			a.log.Warn("service manager was not told", "reason", err)
		}
	}
}

package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// Source is a token source as the server needs it: *tokensource.Source, or
// *tokensource.Static. It is safe for concurrent use.
type Source interface {
	proxy.Credentials
	// Run renews the credential until ctx ends.
	Run(ctx context.Context) error
	// Held is the credential in memory and what is left of it, without waiting.
	Held() (c exchange.Credential, left time.Duration, ok bool)
	Subscribe(func(exchange.Credential)) (stop func())
}

// Profile is one account for which credentials are renewed.
type Profile struct {
	Name     string
	Provider string
	Source   Source
	// Revision tells configurations of one profile apart: a reload that finds the
	// same keeps the source and its credential.
	Revision string
}

// Listener is one reverse proxy, bound to one profile.
type Listener struct {
	Profile string
	Listen  string       // HOST:PORT or unix:PATH
	Bound   net.Listener // a socket that somebody else has bound (systemd); nil: Listen is bound
	// Upstream is where requests go.
	Upstream relay.UpstreamOptions
	// Policy is how they are decided. Profile, Provider, Credentials, Upstream,
	// Listener, Ready, Issued, Observe, Log and Now are filled in.
	Policy proxy.Options
}

// Plan is what a reload can change. Listeners are told apart by Listen; a reload
// neither adds nor removes one, and leaves sinks as they are.
type Plan struct {
	Profiles  []Profile
	Listeners []Listener
	// ClientKey is what Options.Key becomes; the zero Value leaves it.
	ClientKey secret.Value
}

// Options configure Run. Plan, Hub and Clock are required.
type Options struct {
	Plan  Plan
	Sinks []Sink
	Hub   *Hub
	Clock tokensource.Clock

	// Key is demanded from every client of every listener; nil: none is.
	Key   *proxy.Key
	Relay relay.Options // bounds of all listeners; Budget and Gate are shared
	// AllowRemote permits addresses other than loopback, which need Key.
	AllowRemote bool
	// AllowedHosts are further names by which clients may call the admin listener and
	// the credentials endpoint; those of the proxies are in their Policy.
	AllowedHosts []string
	Admin        string // HOST:PORT of the admin listener, empty for none
	// Credentials is HOST:PORT of the container-credentials endpoint, empty for
	// none; it gives the credential of CredentialsProfile to who shows
	// CredentialsKey, or Key where that is nil.
	Credentials        string
	CredentialsProfile string
	CredentialsKey     *proxy.Key

	ReadyFile string // published as soon as every listener is bound; empty for none
	ReadyFD   int    // the same; 0 for none
	// GeneratedKey is put into the ready file.
	GeneratedKey secret.Value
	// Bound is told of the addresses, like the ready file; nil: nobody.
	Bound func(Ready)

	// Reload makes a new plan when Hangup says so; nil: there is no reload.
	Reload func(context.Context) (Plan, error)
	Hangup <-chan struct{}
	// Notify tells the service manager of a change of state (sd_notify); nil: nobody.
	Notify func(state string)
	// Watchdog is how long the service manager waits for a sign of life; 0: for ever.
	Watchdog time.Duration

	Log *slog.Logger // nil: silent
}

// check returns every problem at once.
func (o *Options) check() error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if o.Hub == nil {
		add("hub is required")
	}
	if o.Clock == nil {
		add("clock is required")
	}
	if len(o.Plan.Listeners) == 0 && len(o.Sinks) == 0 && o.Credentials == "" {
		add("there is nothing to serve")
	}
	if o.Credentials != "" && o.Key == nil && o.CredentialsKey == nil {
		add("the credentials endpoint needs a key")
	}
	for _, address := range []string{o.Admin, o.Credentials} {
		if strings.HasPrefix(address, unixPrefix) {
			add("%s: expected HOST:PORT", address)
		}
	}
	known := map[string]bool{}
	for _, p := range o.Plan.Profiles {
		known[p.Name] = true
	}
	for _, l := range o.Plan.Listeners {
		if !known[l.Profile] {
			add("listener %s: profile %q is not there", l.Listen, l.Profile)
		}
	}
	for _, k := range o.Sinks {
		if !known[k.Profile] {
			add("sink %s: profile %q is not there", k.Name, k.Profile)
		}
	}
	if o.Credentials != "" && !known[o.CredentialsProfile] {
		add("credentials endpoint: profile %q is not there", o.CredentialsProfile)
	}
	return errors.Join(problems...)
}

// usage is an error of the configuration, found before anything is bound.
func usage(format string, args ...any) error {
	return &exchange.Error{Step: "serve", Cause: exchange.Usage, Description: fmt.Sprintf(format, args...)}
}

// cannot is an error of class 7: what the server needs cannot be had.
func cannot(step string, err error) error {
	return &exchange.Error{Step: step, Cause: exchange.Proxy, Err: err}
}

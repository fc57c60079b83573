package cli

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/identity"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/internal/safehttp"
	"github.com/awf-cred/awf-cred/pkg/cache"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// source is what commands and servers talk to: a token source, or a static key.
type source interface {
	Credential(context.Context) (exchange.Credential, error)
	Invalidate(exchange.Credential)
	Run(context.Context) error
	Subscribe(func(exchange.Credential)) (stop func())
}

// wired is a profile with everything that belongs to it.
type wired struct {
	Profile   *config.Profile
	Provider  provider.Provider
	source                        // of credentials
	Tokens    *tokensource.Source // nil on the static path
	Exchanger tokensource.Exchanger
	Identity  tokensource.Identity
	Store     tokensource.Store // nil for --cache none

	exchanged atomic.Bool // this process made an exchange
}

// wiring is how a command wants its source; the zero value is that of `token`.
type wiring struct {
	// Store is none, memory, file, keyring or auto; empty: the profile's.
	Store string
	// Look leaves a missing cache directory missing.
	Look bool
	// Strict makes a cache directory that cannot be used an error.
	Strict bool
	// Doer replaces the client of the exchange.
	Doer exchange.Doer
	// Identity replaces the profile's source of assertions.
	Identity tokensource.Identity
	// MinTTL replaces the profile's; nil: the profile's.
	MinTTL *time.Duration
	// Margin replaces it by a rule of the lifetime; nil: none.
	Margin func(lifetime time.Duration) time.Duration
	// Handover hands out the identity token itself: there is no exchange.
	Handover bool
	// KeepGoing and Observe are the token source's.
	KeepGoing bool
	Observe   func(tokensource.Event)
}

// settings reads the configuration once, for a command that needs no profile.
func (a *app) settings() (*config.Config, error) {
	in, err := a.inputs()
	if err != nil {
		return nil, err
	}
	return a.adopt(config.Load(in))
}

// profile reads the configuration and resolves the profile in force.
func (a *app) profile() (*config.Config, *config.Profile, error) {
	return a.resolve((*config.Config).Select)
}

// resolve reads the configuration and resolves a profile in one of config's ways;
// one run names all problems.
func (a *app) resolve(choose func(*config.Config, string) (*config.Profile, error)) (*config.Config, *config.Profile, error) {
	in, err := a.inputs()
	if err != nil {
		return nil, nil, err
	}
	cfg, _ := config.Load(in)
	p, err := choose(cfg, "")
	if p != nil {
		a.provider = p.Provider
	}
	if err != nil {
		err = a.withNetwork(cfg, err)
	}
	cfg, err = a.adopt(cfg, err)
	return cfg, p, err
}

// withNetwork adds what is wrong with the CA file and the proxy variables to what
// is wrong with the configuration. They are read by the client only, which a run
// with other problems, or one that only checks, never makes.
func (a *app) withNetwork(cfg *config.Config, err error) error {
	var problems *config.Problems
	if err != nil && !errors.As(err, &problems) {
		return err
	}
	_, wrong := safehttp.New(safehttp.Options{CAFile: cfg.Global.CAFile, Env: a.env})
	if wrong == nil {
		return err
	}
	if problems == nil {
		return networkError(cfg, wrong)
	}
	all := &config.Problems{List: slices.Clone(problems.List)}
	hint := describe(networkError(cfg, wrong)).Hint
	for text := range strings.SplitSeq(wrong.Error(), "\n") { // one line for each setting
		all.List = append(all.List, config.Problem{Text: text, Mend: []string{hint}})
	}
	return all
}

// adopt sets up what the configuration decides about this run: the log.
func (a *app) adopt(cfg *config.Config, err error) (*config.Config, error) {
	a.cfg = cfg
	a.log = newLog(a.err, a.logFormat(cfg), cfg.Global.LogLevel)
	if err != nil {
		return cfg, err
	}
	for _, text := range cfg.Warnings {
		if !slices.Contains(a.warned, text) { // some commands read the configuration twice
			a.warned = append(a.warned, text)
			a.log.Warn(text)
		}
	}
	return cfg, nil
}

// logFormat is the log format in force. Where nothing chose one, a command whose
// output is JSON logs JSON too: its errors are objects, and a program that reads
// standard error should not meet two languages there.
func (a *app) logFormat(cfg *config.Config) string {
	if cfg.Global.Settings["log_format"].Origin.Kind == config.FromDefault && formatOf(a.cmd) == "json" {
		return "json"
	}
	return cfg.Global.LogFormat
}

// within bounds a one-shot command by --timeout.
func (a *app) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, a.cfg.Global.Timeout)
}

// source turns a profile into a token source.
func (a *app) source(ctx context.Context, p *config.Profile, how wiring) (*wired, error) {
	if how.Handover {
		return a.handingOver(p, how)
	}
	v, ok := provider.Lookup(p.Provider)
	if !ok {
		return nil, &exchange.Error{Step: "provider", Cause: exchange.Internal, Description: "is not known"}
	}
	w := &wired{Profile: p, Provider: v, Identity: how.Identity}
	if p.Static != nil {
		w.source = tokensource.NewStatic(staticCredential(p))
		return w, nil
	}
	if err := a.fillEnds(w, how); err != nil {
		return nil, err
	}
	o := tokensource.Options{
		Provider: v.Name, Profile: p.Name, Identity: w.Identity, Exchanger: w.Exchanger, Clock: a.sys.Clock,
		Rand: a.random, MinTTL: minTTL(p, how), Margin: how.Margin, KeepGoing: how.KeepGoing, Log: a.log,
		Key:     func(parts ...string) string { return cache.Key(parts[0], parts[1]) },
		Observe: a.observe(w, how.Observe),
	}
	if err := a.fillStores(ctx, w, how, &o); err != nil {
		return nil, err
	}
	w.Store = o.Store
	tokens, err := tokensource.New(o)
	if err != nil {
		return nil, &exchange.Error{Provider: v.Name, Step: "token source", Cause: exchange.Internal, Err: err}
	}
	w.Tokens, w.source = tokens, tokens
	return w, nil
}

// staticCredential is the static path: the key as it is.
func staticCredential(p *config.Profile) exchange.Credential {
	return exchange.Credential{Provider: p.Provider, Kind: exchange.APIKey, Token: p.Static.Value}
}

// fillEnds makes the two ends of an exchange: where the assertion comes from, and
// where it goes. Both use the one hardened client.
func (a *app) fillEnds(w *wired, how wiring) error {
	client, err := a.client(a.cfg)
	if err != nil {
		return err
	}
	if w.Identity == nil {
		if w.Identity, err = a.identity(w.Profile, client); err != nil {
			return err
		}
	}
	doer := exchange.Doer(client)
	if how.Doer != nil {
		doer = how.Doer
	}
	w.Exchanger, err = w.Provider.New(w.Profile.Values, provider.Deps{
		Doer: doer, UserAgent: userAgent(), Now: a.sys.Clock, Env: a.env,
	})
	return err
}

// client is the one hardened client, with the settings of cfg.
func (a *app) client(cfg *config.Config) (*safehttp.Client, error) {
	c, err := safehttp.New(safehttp.Options{CAFile: cfg.Global.CAFile, Env: a.env})
	if err != nil {
		return nil, networkError(cfg, err)
	}
	return c, nil
}

// networkError is about the settings of the client, which are the CA file and the
// proxy variables. The latter name themselves.
func networkError(cfg *config.Config, err error) error {
	var hints []string
	text := err.Error()
	if strings.HasPrefix(text, "the CA file") {
		hints = append(hints, "the CA file was named by "+cfg.Global.Settings["ca_file"].Origin.String())
	}
	if strings.Contains(strings.ToLower(text), "_proxy ") {
		hints = append(hints, "write a proxy as http://HOST:PORT or https://HOST:PORT, or unset its variable")
	}
	return &exchange.Error{Step: "network settings", Cause: exchange.Usage, Err: err, Hint: strings.Join(hints, "\n")}
}

// identity is the profile's source of assertions.
func (a *app) identity(p *config.Profile, client exchange.Doer) (tokensource.Identity, error) {
	return identity.New(identity.FromProfile(p, identity.Options{
		Env: a.sys.Env, GOOS: a.sys.GOOS, Doer: client, UserAgent: userAgent(), Clock: a.sys.Clock, Log: a.log,
	}))
}

// observe masks each assertion as soon as it is there, names an endpoint that is
// not the vendor's before it is used, and remembers that an exchange was made.
func (a *app) observe(w *wired, next func(tokensource.Event)) func(tokensource.Event) {
	warn := sync.OnceFunc(func() { a.warnEndpoints(w) })
	return func(e tokensource.Event) {
		switch e.Kind {
		case "mint":
			a.masks.hide(e.Assertion.Token)
			warn()
		case "exchange":
			if e.Err == nil {
				w.exchanged.Store(true)
			}
		}
		if next != nil {
			next(e)
		}
	}
}

// warnEndpoints names the endpoints that the configuration changed.
func (a *app) warnEndpoints(w *wired) {
	for _, name := range w.Provider.ChangedEndpoints(w.Profile.Values, provider.Deps{Now: a.sys.Clock, Env: a.env}) {
		s := w.Profile.Values[name]
		host := s.Value
		if u, err := url.Parse(s.Value); err == nil && u.Host != "" {
			host = u.Host
		}
		a.log.Warn("token endpoint is not the vendor's", "host", host, "setting", name, "origin", s.Origin.String())
	}
}

func minTTL(p *config.Profile, how wiring) time.Duration {
	given := p.MinTTL
	if how.MinTTL != nil {
		given = how.MinTTL
	}
	if given == nil {
		return 0
	}
	return max(*given, 1) // 0 is a wish too: whatever is left
}

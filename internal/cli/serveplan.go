package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/internal/serve"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// listenerSpec is one listener before its profile is resolved: from flags, from
// the file, or the default.
type listenerSpec struct {
	profile  string // empty: the profile in force
	listen   string // empty: the provider's port
	bound    net.Listener
	upstream string
	basePath string
	allow    []string
}

// planner makes plans for serve and exec; a reload uses it again.
type planner struct {
	app   *app
	flags *proxyFlags
	hub   *serve.Hub
	how   wiring
	// level is the default log level.
	level string
	// listeners says what is to listen, once the configuration is known, and others
	// which profiles need a source besides; nil: none.
	listeners func(*config.Config) ([]listenerSpec, error)
	others    func(*config.Config) []string
	// minting says that identity tokens are all that is wanted; nil: never.
	minting func(*config.Config) bool

	broken map[string]error // profiles that cannot work, with --keep-serving
}

// planned is a plan with what the command itself needs of it.
type planned struct {
	serve.Plan
	profiles []*wired
	cfg      *config.Config
}

// configuration reads the configuration anew and resolves the profiles that are
// named.
func (p *planner) configuration() (*config.Config, []listenerSpec, map[string]*config.Profile, error) {
	in, err := p.app.inputs()
	if err != nil {
		return nil, nil, nil, err
	}
	in.LogLevel = p.level
	cfg, _ := config.Load(in)
	specs, specErr := p.listeners(cfg)
	names := p.names(cfg, specs)
	profiles, warning, err := p.selected(cfg, names, specs)
	cfg, err = p.app.adopt(cfg, err)
	if err != nil && p.how.KeepGoing {
		err = p.tolerate(cfg, names, profiles, err)
	}
	if err != nil {
		return cfg, nil, nil, err
	}
	if specErr != nil {
		return cfg, nil, nil, specErr
	}
	if warning != "" {
		p.app.log.Warn(warning)
	}
	byName := map[string]*config.Profile{}
	for i, name := range names {
		byName[name] = profiles[i]
	}
	return cfg, specs, byName, nil
}

// selected resolves profiles: the settings of an exchange are not asked for where
// there is none.
func (p *planner) selected(cfg *config.Config, names []string, specs []listenerSpec) ([]*config.Profile, string, error) {
	p.how.Handover = len(names) == 1 && len(specs) == 0 && p.minting != nil && p.minting(cfg)
	if !p.how.Handover {
		return cfg.SelectAll(names)
	}
	one, err := cfg.SelectIdentity(names[0])
	return []*config.Profile{one}, "", err
}

// names are the profiles to resolve, each once. An empty name is the profile in
// force; beside others it is called by its name, so that it is not taken for two.
func (p *planner) names(cfg *config.Config, specs []listenerSpec) (names []string) {
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var others []string
	if p.others != nil {
		others = p.others(cfg)
	}
	for i := range specs {
		if specs[i].profile == "" && len(others) > 0 {
			if in, _ := cfg.Select(""); !in.FromEnvironment {
				specs[i].profile = in.Name
			}
		}
		add(specs[i].profile)
	}
	for _, name := range others {
		add(name)
	}
	if len(names) == 0 {
		add("")
	}
	return names
}

// plan makes sources and listeners.
func (p *planner) plan(ctx context.Context) (*planned, error) {
	cfg, specs, profiles, err := p.configuration()
	if err != nil {
		return nil, err
	}
	client, err := p.app.client(cfg)
	if err != nil {
		return nil, err
	}
	plan := &planned{cfg: cfg}
	sources := map[string]*wired{}
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		w, err := p.wireOrTell(ctx, name, profiles[name], specs)
		if err != nil {
			return nil, err
		}
		sources[name] = w
		if slices.ContainsFunc(plan.profiles, func(o *wired) bool { return o.Profile.Name == w.Profile.Name }) {
			continue
		}
		source, ok := w.source.(serve.Source)
		if !ok {
			return nil, &exchange.Error{Step: "serve", Cause: exchange.Internal, Description: "the source cannot be served"}
		}
		plan.profiles = append(plan.profiles, w)
		plan.Profiles = append(plan.Profiles, serve.Profile{Name: w.Profile.Name, Provider: w.Provider.Name, Source: source, Revision: p.revision(ctx, w)})
	}
	for _, s := range specs {
		l, err := p.listener(s, sources[s.profile], client)
		if err != nil {
			return nil, err
		}
		plan.Listeners = append(plan.Listeners, l)
	}
	return plan, distinct(plan.Listeners)
}

// wireOrTell is wire, and with --keep-serving a source that says what is wrong.
func (p *planner) wireOrTell(ctx context.Context, name string, profile *config.Profile, specs []listenerSpec) (*wired, error) {
	if p.broken[name] == nil {
		w, err := p.wire(ctx, profile)
		if err == nil && p.how.KeepGoing {
			err = p.leads(w, name, specs)
		}
		if err == nil || !p.how.KeepGoing {
			return w, err
		}
		if p.broken == nil {
			p.broken = map[string]error{}
		}
		p.unusable(name, profile, err)
	}
	v, _ := provider.Lookup(profile.Provider)
	return &wired{Profile: profile, Provider: v, source: unusable{p.broken[name]}}, nil
}

// leads reports what is missing of where a profile's requests go.
func (p *planner) leads(w *wired, name string, specs []listenerSpec) error {
	for _, s := range specs {
		if s.profile != name {
			continue
		}
		if _, _, err := w.Provider.Upstream(p.values(s, w), p.app.env); err != nil {
			return err
		}
	}
	return nil
}

// wire makes the source of a profile, with metrics and audit log.
func (p *planner) wire(ctx context.Context, profile *config.Profile) (*wired, error) {
	how := p.how
	v := profile.Values
	how.Observe = p.hub.Source(serve.Account{
		Profile: profile.Name, Provider: profile.Provider, Rule: first(v, "federation_rule_id", "role_arn", "workload_identity_provider", "identity_provider_id"),
		ServiceAccount: first(v, "service_account_id", "service_account", "client_id"), Workspace: v.Get("workspace_id"),
	})
	w, err := p.app.source(ctx, profile, how)
	if err != nil {
		return nil, err
	}
	w.source.Subscribe(p.app.masks.hideCredential) // as long as the process lives
	return w, nil
}

// first is the first setting that has a value.
func first(v config.Values, names ...string) string {
	for _, name := range names {
		if s := v.Get(name); s != "" {
			return s
		}
	}
	return ""
}

// revision changes when a reload has to replace the source: with the identity, a
// setting, or the certificates that are trusted.
func (p *planner) revision(ctx context.Context, w *wired) string {
	h := sha256.New()
	add := func(s string) { h.Write([]byte(strconv.Itoa(len(s)) + ":" + s)) }
	add(w.Provider.Name)
	if u, ok := w.source.(unusable); ok {
		add(u.err.Error())
	}
	if w.Tokens != nil {
		key, err := w.Tokens.Key(ctx)
		if err != nil {
			key = "unknown" // the mint will say why
		}
		add(key)
	}
	for _, name := range slices.Sorted(maps.Keys(w.Profile.Values)) {
		switch name {
		case "upstream", "base_path": // the listener's
		default:
			add(name + "=" + w.Profile.Values.Get(name))
		}
	}
	ca := p.app.cfg.Global.CAFile
	add(ca)
	if data, err := os.ReadFile(ca); err == nil { // #nosec G304 -- the user named it
		add(string(data))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// again is this run of the program for another look at the configuration: a
// reload that fails leaves nothing behind in the first.
func (a *app) again() *app {
	b := newApp(a.sys)
	b.err, b.out, b.random, b.cmd = a.err, a.out, a.random, a.cmd
	b.quiet, b.verbose = a.quiet, a.verbose
	return b
}

// contained makes an error of a panic: a stack could show what it holds.
func (a *app) contained(run func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = &exchange.Error{Step: "internal error", Cause: exchange.Internal,
				Description: "this is a defect, please report the command and its version"}
		}
	}()
	return run()
}

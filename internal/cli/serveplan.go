package cli

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/internal/safehttp"
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
	profiles, warning, err := cfg.SelectAll(names)
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
	client, err := safehttp.New(safehttp.Options{CAFile: cfg.Global.CAFile, Env: p.app.env})
	if err != nil {
		return nil, networkError(cfg, err)
	}
	plan := &planned{cfg: cfg}
	sources := map[string]*wired{}
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		w, err := p.wireOrTell(ctx, name, profiles[name])
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
func (p *planner) wireOrTell(ctx context.Context, name string, profile *config.Profile) (*wired, error) {
	if p.broken[name] == nil {
		w, err := p.wire(ctx, profile)
		if err == nil || !p.how.KeepGoing {
			return w, err
		}
		if p.broken == nil {
			p.broken = map[string]error{}
		}
		p.unusable(name, err)
	}
	v, _ := provider.Lookup(profile.Provider)
	return &wired{Profile: profile, Provider: v, source: unusable{p.broken[name]}}, nil
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

// listener is how one listener serves its profile.
func (p *planner) listener(s listenerSpec, w *wired, client *safehttp.Client) (serve.Listener, error) {
	values := p.values(s, w)
	to, basePath, err := w.Provider.Upstream(values, p.app.env)
	if _, broken := w.source.(unusable); broken && err != nil {
		to, err = &url.URL{Scheme: "https", Host: "unconfigured.invalid"}, nil // nothing is ever sent there
	}
	if err != nil {
		return serve.Listener{}, err
	}
	if values.Get("upstream") == "" {
		for _, name := range w.Provider.Targets {
			if text := provider.TargetWarning(name, p.app.env(name)); text != "" {
				p.app.log.Warn(text)
			}
		}
	}
	upstream, err := p.upstream(to, client)
	if err != nil {
		return serve.Listener{}, err
	}
	inject, err := w.Provider.Injector(values)
	if _, broken := w.source.(unusable); broken && err != nil {
		inject, err = func(*relay.Head, exchange.Credential) error { return errNoCredential }, nil
	}
	if err != nil {
		return serve.Listener{}, err
	}
	allow := s.allow
	if len(p.flags.allow) > 0 {
		allow = p.flags.allow
	}
	rules, err := proxy.ParseRules(allow, w.Provider.Inference)
	if err != nil {
		return serve.Listener{}, &exchange.Error{Step: "flag --allow", Cause: exchange.Usage, Err: err}
	}
	listen := s.listen
	if listen == "" && s.bound == nil {
		listen = net.JoinHostPort("127.0.0.1", strconv.Itoa(w.Provider.Port))
	}
	if s.bound != nil {
		listen = s.bound.Addr().String()
	}
	return serve.Listener{
		Profile: w.Profile.Name, Listen: listen, Bound: s.bound, Upstream: upstream,
		Policy: proxy.Options{
			Profile: w.Profile.Name, Provider: w.Provider.Name, Inject: inject, BasePath: basePath, Allow: rules,
			AllowedHosts: p.flags.allowedHosts, Upgrades: w.Provider.Upgrades, Strip: p.authHeaders(), StartupTimeout: p.flags.startup,
		},
	}, nil
}

// values are the profile's settings with those that the listener states, and the
// header for a static key (gh-aw-firewall's AWF_<PROVIDER>_AUTH_HEADER).
func (p *planner) values(s listenerSpec, w *wired) config.Values {
	values := maps.Clone(w.Profile.Values)
	set := func(name, value string) {
		if value != "" {
			values[name] = config.Setting{Name: name, Value: value, Origin: config.Origin{Kind: config.FromFile}}
		}
	}
	set("upstream", s.upstream)
	set("base_path", s.basePath)
	set("auth_header", strings.TrimSpace(p.app.env("AWF_"+strings.ToUpper(w.Provider.Name)+"_AUTH_HEADER")))
	return values
}

// authHeaders are the headers that AWF_*_AUTH_HEADER name: clients do not send
// them upstream.
func (p *planner) authHeaders() (names []string) {
	for _, v := range provider.All {
		if name := strings.TrimSpace(p.app.env("AWF_" + strings.ToUpper(v.Name) + "_AUTH_HEADER")); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// upstream is the way to a host: TLS with our roots, through the proxy that the
// environment names.
func (p *planner) upstream(to *url.URL, client *safehttp.Client) (relay.UpstreamOptions, error) {
	port := to.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[to.Scheme]
	}
	o := relay.UpstreamOptions{
		Scheme: to.Scheme, Address: net.JoinHostPort(to.Hostname(), port), Proxy: client.ProxyFor(to), ResponseHeaderTimeout: p.flags.response,
	}
	if to.Scheme != "https" {
		return o, nil
	}
	roots, err := client.Roots()
	if err != nil {
		return o, &exchange.Error{Step: "certificates", Cause: exchange.Usage, Err: err}
	}
	o.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return o, nil
}

// distinct refuses two listeners at one address.
func distinct(list []serve.Listener) error {
	seen := map[string]string{}
	for _, l := range list {
		other, taken := seen[l.Listen]
		if taken && !strings.HasSuffix(l.Listen, ":0") {
			return usage("listen "+l.Listen, fmt.Sprintf("is the address of profile %s and of profile %s", other, l.Profile), "give one --listen for each --profile")
		}
		seen[l.Listen] = l.Profile
	}
	return nil
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

// openLogs opens the audit log and the access log.
func (o *proxyFlags) openLogs(a *app, hub *serve.Hub) error {
	for _, l := range []struct {
		flag, path string
		use        func(*serve.LogFile)
	}{{"--audit-log", o.auditLog, hub.Audit}, {"--access-log", o.accessLog, hub.Access}} {
		if l.path == "" {
			continue
		}
		file, err := serve.OpenLog(l.path, a.sys.Out, a.log)
		if err != nil {
			return &exchange.Error{Step: "flag " + l.flag, Cause: exchange.Storage, Err: err}
		}
		l.use(file)
	}
	return nil
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

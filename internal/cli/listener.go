package cli

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/url"
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

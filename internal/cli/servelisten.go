package cli

import (
	"strconv"

	"github.com/awf-cred/awf-cred/internal/config"
)

// specs pairs listeners with profiles.
func (o *serveOptions) specs(a *app, cfg *config.Config) ([]listenerSpec, error) {
	profiles := all(a.cmd.Flags(), "profile")
	file := cfg.Serve().Listeners
	given := len(o.listen) + len(o.inherited)
	if len(o.listen) == 0 && len(profiles) == 0 && len(file) > 0 {
		return o.fromFile(a, file)
	}
	if len(profiles) < 2 {
		return o.oneProfile(cfg), nil
	}
	if a.gives("upstream") || a.gives("base-path") {
		return nil, errUpstreamOfMany
	}
	if given > 0 && given != len(profiles) {
		return nil, usage("flags --listen and --profile", "there are "+strconv.Itoa(given)+" addresses for "+strconv.Itoa(len(profiles))+" profiles",
			"give one --listen for each --profile, in the same order")
	}
	if given == 0 && o.withoutProxy(cfg) {
		return nil, usage("flags --sink and --credentials-endpoint, and serve.sinks", "serve one profile at a time", "give one --profile, or --listen for each")
	}
	specs := make([]listenerSpec, len(profiles))
	for i, name := range profiles {
		specs[i].profile = name
		if i < len(o.listen) {
			specs[i].listen = o.listen[i]
		}
	}
	return specs, o.activate(specs)
}

var errUpstreamOfMany = usage("flags --upstream and --base-path", "are for one profile", "write them into the profiles of the config file")

// gives reports whether a setting's flag was given.
func (a *app) gives(flag string) bool { return len(all(a.cmd.Flags(), flag)) > 0 }

// fromFile are the listeners of the config file's serve section; the flags
// --upstream and --base-path win over it.
func (o *serveOptions) fromFile(a *app, file []config.Listener) ([]listenerSpec, error) {
	specs := make([]listenerSpec, len(file))
	for i, l := range file {
		specs[i] = listenerSpec{profile: l.Profile, listen: l.Listen, upstream: l.Upstream, basePath: l.BasePath, allow: l.Allow}
		if upstream := a.gives("upstream"); upstream || a.gives("base-path") {
			if l.Profile != file[0].Profile {
				return nil, errUpstreamOfMany
			}
			specs[i].basePath = ""
			if upstream {
				specs[i].upstream = ""
			}
		}
	}
	if len(o.inherited) == 0 {
		return specs, nil
	}
	if len(o.inherited) != len(specs) {
		return nil, usage("LISTEN_FDS", "there are "+strconv.Itoa(len(o.inherited))+" sockets of the service manager for "+strconv.Itoa(len(specs))+" listeners of the config file",
			"pass one socket for each, or choose profiles with --profile")
	}
	return specs, o.activate(specs)
}

// activate gives the sockets of the service manager to the listeners: by name
// where they are named like the profiles, else in their order, which is certain
// within one .socket unit only.
func (o *serveOptions) activate(specs []listenerSpec) error {
	if len(o.inherited) == 0 {
		return nil
	}
	used := make([]bool, len(o.inherited))
	named := 0
	for i := range specs {
		for j, s := range o.inherited {
			if !used[j] && s.Name == specs[i].profile {
				specs[i].bound, used[j] = s.Listener, true
				named++
				break
			}
		}
	}
	switch named {
	case len(specs):
		return nil
	case 0:
		for i := range specs {
			specs[i].bound = o.inherited[i].Listener
		}
		return nil
	}
	return usage("LISTEN_FDNAMES", "some sockets of the service manager are named like a profile, others are not",
		"write FileDescriptorName=PROFILE into every .socket unit")
}

// oneProfile serves the profile in force at every address; where only files or
// the credentials endpoint are wanted there is no proxy.
func (o *serveOptions) oneProfile(cfg *config.Config) (specs []listenerSpec) {
	for _, l := range o.listen {
		specs = append(specs, listenerSpec{listen: l})
	}
	for _, s := range o.inherited {
		specs = append(specs, listenerSpec{bound: s.Listener})
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

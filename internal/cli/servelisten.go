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

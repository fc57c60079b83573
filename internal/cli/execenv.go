package cli

import (
	"slices"

	"github.com/awf-cred/awf-cred/internal/child"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// environment is the program's: ours without credentials, and with the variables
// that lead to the proxy.
func (r *execRun) environment(a *app, o *execOptions) child.Env {
	drop := slices.Clone(o.drop)
	for _, v := range provider.All {
		drop = append(append(drop, v.StaticKeys...), v.IdentityEnv...)
	}
	if id := r.wired.Profile.Identity; id.Type == config.Env {
		drop = append(drop, id.EnvName)
	}
	env := child.Env(a.sys.Env).Scrub(o.keep, drop).NoProxy()
	for _, v := range r.wired.Provider.ProxyEnv(r.wired.Profile.Values, r.url, r.key) {
		switch _, set := env.Get(v.Name); {
		case v.Unset && slices.Contains(o.keep, v.Name), set && callersChoice(v.Name):
		case v.Unset:
			env = env.Unset(v.Name)
		default:
			env = env.Set(v.Name, v.Value.Reveal())
		}
	}
	if r.wired.Provider.Kind == exchange.AWS {
		env = bothRegions(env)
	}
	return env
}

// bothRegions makes one of AWS's region variables of the other: version 1 of the CLI
// reads the second alone, the SDKs the first. With a static key the region may be
// the caller's alone.
func bothRegions(env child.Env) child.Env {
	names := [2]string{"AWS_REGION", "AWS_DEFAULT_REGION"}
	for i, name := range names {
		other := names[1-i]
		if _, there := env.Get(other); there {
			continue
		}
		if region, ok := env.Get(name); ok {
			env = env.Set(other, region)
		}
	}
	return env
}

// callersChoice are variables that say where a client works, not how it
// authenticates: what the caller set stays.
func callersChoice(name string) bool {
	switch name {
	case "ANTHROPIC_VERTEX_PROJECT_ID", "CLOUD_ML_REGION", "AWS_REGION":
		return true
	}
	return false
}

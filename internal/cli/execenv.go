package cli

import (
	"slices"

	"github.com/awf-cred/awf-cred/internal/child"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/provider"
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

package cli

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

type envOptions struct {
	shell    string
	consumer string
	unset    bool
	via      viaOptions
}

func newEnvCmd(a *app) *cobra.Command {
	var o envOptions
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print a credential as the variables that an SDK reads",
		Long: `Print assignments of the variables by which an unmodified SDK or agent finds the
credential, and removals of those that it would prefer. They are safe to be
evaluated, whatever a server answered.

On an error nothing is printed on standard output. The short form
eval "$(awf-cred env)" does not notice a failure; the first example does.

--shell github appends to the file named by GITHUB_ENV, for the later steps of a
job. It cannot remove a variable, and neither can dotenv: both refuse if a
conflicting variable is set.

--via and --ready-file print the variables that lead a client to a serve that
runs, and no credential.`,
		Example: `  out=$(awf-cred env) && eval "$out"
  awf-cred env --for claude-code
  awf-cred env --shell fish | source
  awf-cred env --shell powershell | Out-String | Invoke-Expression
  awf-cred env --shell github
  awf-cred env --unset
  awf-cred env --ready-file "$RUNNER_TEMP/awf-cred.json" --wait 30s --shell github`,
		Args:        noArguments,
		Annotations: map[string]string{usesSettings: "yes", lateSignals: "yes"},
		RunE:        a.action(func(ctx context.Context, _ []string) error { return runEnv(ctx, a, o) }),
	}
	fs := cmd.Flags()
	fs.StringVar(&o.shell, "shell", "", "`word`: "+strings.Replace(wordList(output.DialectNames()), "posix", "posix (sh, bash, zsh)", 1)+" (default "+output.DefaultDialect(a.sys.GOOS)+")")
	fs.StringVar(&o.consumer, "for", "", "`word`: who reads the variables: "+wordList(provider.Consumers())+" (default sdk)")
	fs.BoolVar(&o.unset, "unset", false, "print the removals of all variables that any form sets; mints nothing")
	minTTLFlag(cmd)
	o.via.bind(cmd)
	return cmd
}

func runEnv(ctx context.Context, a *app, o envOptions) error {
	dialect, err := a.dialect(o.shell)
	if err != nil {
		return err
	}
	if o.unset {
		return a.unset(dialect)
	}
	if err := o.via.check(); err != nil {
		return err
	}
	if o.via.given() {
		return a.patiently(ctx, func(ctx context.Context) error { return runVia(ctx, a, &o.via, dialect, o.consumer) })
	}
	_, p, err := a.profile()
	if err != nil {
		return err
	}
	if err := a.checkEnv(dialect, p, o.consumer); err != nil {
		return err
	}
	profile := o.consumer == provider.SDKProfile && p.Static == nil
	if profile { // before anything is spent
		if _, err := a.sdkProfileRoot(false); err != nil {
			return err
		}
	}
	w, err := a.source(ctx, p, wiring{})
	if err != nil {
		return err
	}
	return a.obtain(ctx, w, false, func(c exchange.Credential) error {
		a.masks.hideCredential(c)
		if profile {
			if p.Values, err = a.writeSDKProfile(ctx, w, c); err != nil {
				return err
			}
		}
		vars, err := variables(p, c, o.consumer)
		if err != nil {
			return err
		}
		return a.emit(dialect, vars)
	})
}

func (a *app) dialect(name string) (output.Dialect, error) {
	if name == "" {
		name = output.DefaultDialect(a.sys.GOOS)
	}
	d, ok := output.LookupDialect(name)
	if ok {
		return d, nil
	}
	for _, d := range output.Dialects {
		if slices.Contains(strings.Split(strings.ToLower(d.Help), ", "), strings.ToLower(name)) {
			return d, usage("flag --shell", printable(name)+" is not known", "for "+printable(name)+" write --shell "+d.Name)
		}
	}
	return d, oneOf("shell", name, output.DialectNames())
}

// checkEnv finds what would refuse the output before a credential is obtained.
func (a *app) checkEnv(d output.Dialect, p *config.Profile, consumer string) error {
	vars, err := variables(p, exchange.Credential{Provider: p.Provider, Kind: kindOf(p), AWS: &exchange.AWSKeys{}}, consumer)
	if err != nil {
		return err
	}
	if d.Name == "github" && !a.isSet("GITHUB_ENV") {
		return errNoGitHubEnv
	}
	return d.Check(vars, a.isSet)
}

// variables are what a consumer reads, and what it must not read.
func variables(p *config.Profile, c exchange.Credential, consumer string) ([]output.Var, error) {
	v, _ := provider.Lookup(p.Provider)
	if consumer == "" {
		consumer = v.Consumers[0]
	}
	if consumer == awsSDK && v.Kind == exchange.AWS {
		return nil, errNoEndpoint()
	}
	if err := checkChoice("for", consumer, v.Consumers); err != nil {
		return nil, err
	}
	if p.Static == nil {
		return v.SDKEnv(p.Values, c, consumer)
	}
	var vars []output.Var
	if v.StaticEnv != nil {
		vars = v.StaticEnv(consumer)
	}
	for _, name := range v.StaticConflicts {
		if name != p.Static.Env {
			vars = append(vars, output.Conflict(name))
		}
	}
	return append(vars, output.SetSecret(p.Static.Env, c.Token)), nil
}

// emit masks what is secret and delivers the assignments.
func (a *app) emit(d output.Dialect, vars []output.Var) error {
	a.masks.hide(output.Secrets(vars)...)
	b, err := d.Render(vars, a.isSet, a.random)
	if err != nil {
		return err
	}
	if d.Name != "github" {
		return a.out.send("the environment", b)
	}
	path := a.env("GITHUB_ENV")
	if strings.TrimSpace(path) == "" {
		return errNoGitHubEnv
	}
	if !a.out.claim() {
		return nil // interrupted: the exit status says so
	}
	if err := atomicfile.Append(path, b); err != nil {
		return &exchange.Error{Step: "GITHUB_ENV", Cause: exchange.Storage, Description: "nothing was written", Err: err}
	}
	return nil
}

var errNoGitHubEnv = &exchange.Error{Step: "GITHUB_ENV", Cause: exchange.Storage, Description: "is not set",
	Hint: "run it in a step of GitHub Actions, or choose another form: --shell posix"}

// unset prints the removals of what any form sets. It works where nothing else
// is configured any more: then it covers every provider.
func (a *app) unset(d output.Dialect) error {
	providers := provider.All
	_, p, err := a.profile()
	if v, ok := provider.Lookup(p.Provider); ok {
		providers = []provider.Provider{v}
	} else if err != nil && (a.named("provider", "AWF_AUTH_PROVIDER") || a.named("profile", "AWF_CRED_PROFILE")) {
		return err
	}
	var vars []output.Var
	for _, v := range providers {
		vars = append(vars, a.settable(v, p)...)
	}
	return a.emit(d, output.Removals(vars))
}

// settable are the variables that some form of env sets for a provider, those that
// lead to a serve included. NO_PROXY is not among them: most of it is the caller's.
func (a *app) settable(v provider.Provider, p *config.Profile) []output.Var {
	values := maps.Clone(p.Values)
	if values == nil {
		values = config.Values{}
	}
	for _, name := range []string{"region", "project"} { // the run that set the variables may have had one
		if values.Get(name) == "" {
			values[name] = config.Setting{Value: "any"}
		}
	}
	one := exchange.Credential{Provider: v.Name, Kind: v.Kind, AWS: &exchange.AWSKeys{}, ExpiresAt: a.sys.Clock.Now()}
	var vars []output.Var
	for _, consumer := range v.Consumers {
		each, err := v.SDKEnv(values, one, consumer)
		if err != nil {
			continue
		}
		vars = append(vars, each...)
	}
	key, base := secret.New(noKey), &url.URL{Scheme: "http", Host: "127.0.0.1"}
	vars = append(vars, v.ProxyEnv(values, base, key)...)
	if v.Kind == exchange.AWS {
		vars = append(vars, containerEnv(base.String(), key)...)
	}
	set := slices.DeleteFunc(vars, func(each output.Var) bool { return each.Unset })
	if p.Static != nil {
		set = append(set, output.Var{Name: p.Static.Env})
	}
	return set
}

// named reports whether a flag or its variable is given.
func (a *app) named(flag, variable string) bool {
	f := a.cmd.Flags().Lookup(flag)
	return f != nil && f.Changed || a.isSet(variable)
}

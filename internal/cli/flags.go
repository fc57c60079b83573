package cli

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/provider"
)

// given is the value of a setting's flag: the words as they were given. What they
// mean is config's matter, where flags, variables and file meet.
type given struct {
	values []string
	meta   string
}

func (g *given) Set(s string) error { g.values = append(g.values, s); return nil }
func (g *given) Type() string       { return g.meta }
func (g *given) String() string     { return strings.Join(g.values, ",") }

// The groups of flags in a help text.
const (
	groupKey      = "group"
	groupGlobal   = "global"
	groupSettings = "settings"
)

// globalFlags defines the flags of every command, and the settings of providers,
// which every command that needs a profile reads.
func globalFlags(a *app, fs *pflag.FlagSet, settings bool) {
	if settings {
		settingFlags(fs)
	}
	for _, b := range []struct {
		value      *bool
		name, help string
	}{
		{&a.quiet, "quiet", "say nothing but errors (log level error)"},
		{&a.verbose, "verbose", "say what is done (log level debug)"},
		{&a.version, "version", "print the version and end"},
	} {
		fs.BoolVar(b.value, b.name, false, b.help)
		_ = fs.SetAnnotation(b.name, groupKey, []string{groupGlobal})
	}
}

func settingFlags(fs *pflag.FlagSet) {
	for _, f := range config.GlobalFields() {
		switch f.Name {
		case "min_ttl": // of the commands that hand out a cached credential
		case "auth_type":
			settingFlag(fs, f, groupSettings)
		case "log_level": // the one default that depends on the command
			f.Help, f.Default = f.Help+" (default warn, for serve info)", ""
			settingFlag(fs, f, groupGlobal)
		default:
			settingFlag(fs, f, groupGlobal)
		}
	}
	for _, f := range config.ProfileFields() {
		if f.Name == "audience" {
			settingFlag(fs, f, groupSettings)
		}
	}
	for _, p := range provider.All {
		for _, f := range p.Fields {
			settingFlag(fs, f, groupSettings)
		}
	}
}

// settingFlag defines the flag of a field. A name that is there already is the
// same setting of another provider.
func settingFlag(fs *pflag.FlagSet, f config.Field, group string) {
	if f.Flag == "" || fs.Lookup(f.Flag) != nil {
		return
	}
	help := f.Help
	if len(f.Env) > 0 {
		help += " [" + strings.Join(f.Env, ", ") + "]"
	}
	flag := fs.VarPF(&given{meta: metaOf(f)}, f.Flag, "", help)
	flag.DefValue = f.Default
	if f.Bool {
		flag.NoOptDefVal = "true"
	}
	if group != "" {
		_ = fs.SetAnnotation(f.Flag, groupKey, []string{group})
	}
}

// field finds a field of config by name, for a command that has its flag alone.
func field(fields []config.Field, name string) config.Field {
	for _, f := range fields {
		if f.Name == name {
			return f
		}
	}
	return config.Field{}
}

// metaOf is the word that stands for a value in a help text.
func metaOf(f config.Field) string {
	switch f.Name {
	case "profile", "provider":
		return "name"
	case "identity":
		return "source"
	case "audience":
		return "audience"
	}
	switch {
	case f.Bool:
		return "bool"
	case f.Path:
		return "path"
	case len(f.Values) > 0:
		return "word"
	case strings.HasPrefix(f.Form, "a duration"):
		return "duration"
	case strings.Contains(f.Form, "UUID"):
		return "uuid"
	case strings.Contains(f.Form, "URL"):
		return "url"
	case strings.Contains(f.Form, "_…"):
		return "id"
	default:
		return "value"
	}
}

// inputs is the outside world as config wants it: the flags that were set, the
// environment, and what providers read.
func (a *app) inputs() (config.Inputs, error) {
	in := config.Inputs{Env: a.sys.Env, Flags: map[string][]string{}, Vendors: vendors(), GOOS: a.sys.GOOS, TempLent: a.lender() != 0}
	if a.cmd == nil {
		return in, nil
	}
	a.cmd.Flags().Visit(func(f *pflag.Flag) {
		if g, ok := f.Value.(*given); ok {
			in.Flags[f.Name] = g.values
		}
	})
	return in, a.loudness(in.Flags)
}

// loudness turns --quiet and --verbose into a log level.
func (a *app) loudness(flags map[string][]string) error {
	said := 0
	for _, yes := range []bool{a.quiet, a.verbose, len(flags["log-level"]) > 0} {
		if yes {
			said++
		}
	}
	switch {
	case said > 1:
		return usage("flags --quiet, --verbose and --log-level", "contradict each other", "give one of them")
	case a.quiet:
		flags["log-level"] = []string{"error"}
	case a.verbose:
		flags["log-level"] = []string{"debug"}
	}
	return nil
}

// vendors is what config must know of the providers.
func vendors() []config.Vendor {
	list := make([]config.Vendor, len(provider.All))
	for i, p := range provider.All {
		list[i] = config.Vendor{
			Name: p.Name, Fields: p.Fields, StaticKeys: p.StaticKeys, IdentityEnv: p.IdentityEnv,
			FederationEnv: p.FederationEnv, Check: p.Check,
		}
	}
	return list
}

package cli

import (
	"strings"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/provider"
)

// starter is a config file with one profile of the provider in force, else of the
// first one.
func starter(name string, p *config.Profile) string {
	v, ok := provider.Lookup(p.Provider)
	if !ok {
		v = provider.All[0]
	}
	identity := "github"
	if p.Identity.Type == config.File || p.Identity.Type == config.Env {
		identity = p.Identity.String()
	}
	var b strings.Builder
	b.WriteString(`# Configuration of awf-cred. One profile is one service account; a file may hold
# many. Flags come before variables, these before this file. No secret belongs here.
#
#   awf-cred config validate
#   awf-cred token --profile ` + name + `
version: 1

# The profile that is used when neither --profile nor AWF_CRED_PROFILE names one.
default_profile: ` + name + `

profiles:
  ` + name + `:
    provider: ` + v.Name + `
    # Where the identity token comes from: github, file:PATH, env:NAME, or a command:
    # {type: command, argv: [/path/to/program, argument], timeout: 10s}
    identity: ` + yamlText(identity) + `
`)
	for _, f := range v.Fields {
		if f.Flag != "" { // the others are variables of other programs
			b.WriteString("    " + starterLine(f, p.Values[f.Name]) + "\n")
		}
	}
	for _, f := range config.ProfileFields() {
		if f.Name == "audience" || f.Name == "allow_assertion_reuse" && v.Name == "anthropic" {
			b.WriteString("    " + starterLine(f, p.Values[f.Name]) + "\n")
		}
	}
	for _, name := range []string{"min_ttl", "cache"} {
		f := field(config.GlobalFields(), name)
		b.WriteString("    " + starterLine(f, config.Setting{}) + "\n")
	}
	return b.String()
}

// starterLine is one setting: its value, or, as a comment where it may be left
// out, what is expected.
func starterLine(f config.Field, s config.Setting) string {
	known := s.Value != "" && s.Origin.Kind != config.FromDefault && !f.Secret
	switch {
	case known:
		return f.Name + ": " + yamlText(s.Value) + "  # " + f.Help
	case f.Required:
		return f.Name + ": " + yamlText(f.Form) + "  # " + f.Help
	case f.Default != "":
		return "# " + f.Name + ": " + f.Default + "  # " + f.Help
	default:
		return "# " + f.Name + ": " + f.Form + "  # " + f.Help
	}
}

// yamlText is a scalar: plain where nothing in it means something to YAML, else
// between single quotes.
func yamlText(s string) string {
	if strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./") == "" && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

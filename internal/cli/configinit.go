package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

type initOptions struct {
	name  string
	print bool
}

func newInitCmd(a *app) *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a config file to start from",
		Long: `Write a config file with one profile. Settings that are known now (from flags
and variables) are filled in, the others hold the form that is expected. A file
that exists is never overwritten.`,
		Example: `  awf-cred config init --name review
  awf-cred config init --print --provider anthropic`,
		Args:        noArguments,
		Annotations: map[string]string{usesSettings: "yes"},
		RunE:        a.action(func(context.Context, []string) error { return runInit(a, o) }),
	}
	cmd.Flags().StringVar(&o.name, "name", "default", "`name` of the profile")
	cmd.Flags().BoolVar(&o.print, "print", false, "print it instead of writing a file")
	return cmd
}

func runInit(a *app, o initOptions) error {
	cfg, p, err := a.profile() // what is missing is what the file is for
	if cfg == nil {
		return err
	}
	if err := field(config.GlobalFields(), "profile").Check(o.name); err != nil {
		return usage("flag --name", err.Error())
	}
	text := starter(o.name, p)
	if o.print {
		return a.out.send("the config file", []byte(text))
	}
	path := cfg.Global.ConfigPath
	if path == "" {
		return usage("config init", "no directory for a config file is known", "name a file with --config or AWF_CRED_CONFIG")
	}
	if err := writeNew(path, []byte(text)); err != nil {
		return err
	}
	return a.out.send("the answer", []byte("wrote "+oneLine(path)+"; fill it in, then run: awf-cred config validate\n"))
}

// writeNew writes a file that must not exist.
func writeNew(path string, data []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return usage("config init", oneLine(path)+" exists", "name another file with --config, or edit this one")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return &exchange.Error{Step: "config init", Cause: exchange.Storage, Err: err}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return &exchange.Error{Step: "config init", Cause: exchange.Storage, Err: err}
	}
	if err := atomicfile.Write(path, data); err != nil {
		return &exchange.Error{Step: "config init", Cause: exchange.Storage, Err: err}
	}
	return nil
}

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
	b.WriteString("version: 1\ndefault_profile: " + name + "\nprofiles:\n  " + name + ":\n")
	b.WriteString("    provider: " + v.Name + "\n    identity: " + yamlText(identity) + "\n")
	for _, f := range v.Fields {
		b.WriteString("    " + starterLine(f, p.Values[f.Name]) + "\n")
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

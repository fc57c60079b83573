package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

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
		Long: `Write a commented config file with one profile. Settings that are known now (from
flags and variables) are filled in, the others hold the form that is expected. A
file that exists is never overwritten.`,
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
	if _, ok := provider.Lookup(p.Provider); !ok && a.named("provider", "AWF_AUTH_PROVIDER") {
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
	next := "awf-cred config validate"
	if f := a.cmd.Flags().Lookup("config"); f.Changed { // otherwise it is found again by itself
		next += " --config " + oneLine(path)
	}
	return a.out.send("the answer", []byte("wrote "+oneLine(path)+"; fill it in, then run: "+next+"\n"))
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

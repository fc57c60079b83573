package cli

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/output"
)

func newConfigCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show, start or check the configuration",
		Example: `  awf-cred config show
  awf-cred config validate`,
		Args: noArguments,
	}
	cmd.RunE = a.action(func(context.Context, []string) error { return cmd.Help() })
	cmd.AddCommand(newShowCmd(a), newInitCmd(a), newValidateCmd(a))
	return cmd
}

type showOptions struct{ format string }

func newShowCmd(a *app) *cobra.Command {
	var o showOptions
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show every setting in force and where it came from",
		Long: `Show every setting in force with its origin: a flag, a variable, a line of the
config file, or the default. Secrets are shown as (redacted).`,
		Example: `  awf-cred config show
  awf-cred config show --profile review --format json`,
		Args:        noArguments,
		Annotations: map[string]string{usesSettings: "yes"},
		RunE:        a.action(func(context.Context, []string) error { return runShow(a, o) }),
	}
	textOrJSON(cmd, &o.format)
	minTTLFlag(cmd)
	return cmd
}

func runShow(a *app, o showOptions) error {
	if err := checkTextOrJSON(o.format); err != nil {
		return err
	}
	cfg, p, err := a.profile()
	if err != nil {
		return err
	}
	var settings []output.Setting
	for _, s := range cfg.Settings(p) {
		if s.Name == "audience" && s.Value == "" && p.Static == nil {
			s.Value = audienceOf(p) // the provider's own, which config does not know
		}
		settings = append(settings, output.Setting{Name: s.Name, Value: s.Value, Origin: s.Origin.String()})
	}
	if o.format == "json" {
		b, err := output.SettingsJSON(settings)
		if err != nil {
			return err
		}
		return a.out.send("the settings", b)
	}
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "SETTING\tVALUE\tORIGIN")
	for _, s := range settings {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\n", s.Name, cell(s.Value), oneLine(s.Origin))
	}
	_ = t.Flush()
	return a.out.send("the settings", b.Bytes())
}

func newValidateCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Check the config file and every profile in it",
		Long: `Check the config file, the variables and every profile, and name all that is
wrong in one run. Without a profile in the file, the settings of the environment
are checked. Nothing is minted or sent.`,
		Example: `  awf-cred config validate
  awf-cred config validate --config ./awf-cred.yaml`,
		Args:        noArguments,
		Annotations: map[string]string{usesSettings: "yes"},
		RunE:        a.action(func(context.Context, []string) error { return runValidate(a) }),
	}
}

func runValidate(a *app) error {
	cfg, _ := a.settings() // what is wrong is in the answer of Validate
	if cfg == nil {
		return nil
	}
	if err := a.withNetwork(cfg, cfg.Validate()); err != nil {
		return err
	}
	what := "the environment"
	if n := len(cfg.ProfileNames()); n > 0 {
		what = oneLine(cfg.Global.ConfigPath) + " with " + strconv.Itoa(n) + " profiles"
		if n == 1 {
			what = oneLine(cfg.Global.ConfigPath) + " with 1 profile"
		}
	}
	return a.out.send("the answer", []byte("valid: "+what+"\n"))
}

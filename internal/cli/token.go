package cli

import (
	"context"
	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

type tokenOptions struct {
	format       string
	forceRefresh bool
}

func newTokenCmd(a *app) *cobra.Command {
	var o tokenOptions
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Print a credential, from the cache while it is fresh",
		Long: `Print a short-lived credential. It comes from the cache while it has at least
--min-ttl left; otherwise one identity token is minted and exchanged, however
many processes ask at the same time.

The default format prints the bare token and a newline, and nothing else. With
AWF_AUTH_TYPE absent and a static key of the provider present, that key is
printed as it is.`,
		Example: `  awf-cred token
  awf-cred token --format json
  awf-cred token --format header
  awf-cred token --format exec-credential
  awf-cred token --min-ttl 5m --cache-dir "$RUNNER_TEMP/credentials"`,
		Args:        noArguments,
		Annotations: map[string]string{usesSettings: "yes", lateSignals: "yes"},
		RunE:        a.action(func(ctx context.Context, _ []string) error { return runToken(ctx, a, o) }),
	}
	formatFlag(cmd, &o.format)
	minTTLFlag(cmd)
	cmd.Flags().BoolVar(&o.forceRefresh, "force-refresh", false, "exchange anew whatever the cache holds")
	return cmd
}

// formatFlag defines --format of the commands that print a credential.
func formatFlag(cmd *cobra.Command, format *string) {
	names := output.FormatNames("")
	cmd.Flags().StringVar(format, "format", names[0], "`word`: "+wordList(names))
}

// minTTLFlag defines --min-ttl; its meaning is config's.
func minTTLFlag(cmd *cobra.Command) {
	settingFlag(cmd.Flags(), field(config.GlobalFields(), "min_ttl"), "")
}

func runToken(ctx context.Context, a *app, o tokenOptions) error {
	format, err := a.format(o.format)
	if err != nil {
		return err
	}
	_, p, err := a.profile()
	if err != nil {
		return err
	}
	if err := format.Check(p.Provider, kindOf(p)); err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	w, err := a.source(ctx, p, wiring{})
	if err != nil {
		return err
	}
	return a.obtain(ctx, w, o.forceRefresh, func(c exchange.Credential) error { return a.print(w, format, c) })
}

// format finds the format of a credential and checks what it depends on before
// anything is spent.
func (a *app) format(name string) (output.Format, error) {
	format, ok := output.LookupFormat(name)
	if !ok {
		return format, oneOf("format", name, output.FormatNames(""))
	}
	if name == "exec-credential" {
		return format, output.CheckExecInfo(a.env("KUBERNETES_EXEC_INFO"))
	}
	return format, nil
}

// kindOf is the kind of credential that a profile yields.
func kindOf(p *config.Profile) exchange.Kind {
	if p.Static != nil {
		return exchange.APIKey
	}
	v, _ := provider.Lookup(p.Provider)
	return v.Kind
}

// obtain hands out a credential: at once when it is there, otherwise ready to be
// interrupted.
func (a *app) obtain(ctx context.Context, w *wired, force bool, deliver func(exchange.Credential) error) error {
	if w.Tokens == nil { // the static path
		c, err := w.Credential(ctx)
		if err != nil {
			return err
		}
		return deliver(c)
	}
	if c, ok := w.Tokens.Stored(ctx); ok && !force {
		return deliver(c)
	}
	return a.patiently(ctx, func(ctx context.Context) error {
		get := w.Tokens.Credential
		if force {
			get = w.Tokens.Refresh
		}
		c, err := get(ctx)
		if err != nil {
			return err
		}
		return deliver(c)
	})
}

// print masks a credential and delivers it.
func (a *app) print(w *wired, format output.Format, c exchange.Credential) error {
	a.masks.hideCredential(c)
	b, err := format.Print(output.Grant{
		Profile: w.Profile.Name, Credential: c, Cached: w.Tokens != nil && !w.exchanged.Load(), Now: a.sys.Clock.Now(),
		Header: w.Provider.Header, ExecInfo: a.env("KUBERNETES_EXEC_INFO"),
	})
	if err != nil {
		return err
	}
	return a.out.send("the token", b)
}

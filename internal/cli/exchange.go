package cli

import (
	"context"

	"github.com/spf13/cobra"
)

type exchangeOptions struct {
	assertionFile string
	format        string
	dryRun        bool
}

func newExchangeCmd(a *app) *cobra.Command {
	var o exchangeOptions
	cmd := &cobra.Command{
		Use:   "exchange",
		Short: "Make one exchange, without the cache",
		Long: `Exchange one identity token for a credential and print it. The cache is neither
read nor written. The identity token comes from --assertion-file (- is standard
input), or is minted now.

A provider that takes an identity token only once is never sent one twice, not
even after a failure: that is remembered across processes.

--dry-run prints the request that would be sent, without its secrets, and the
claims of the identity token, and sends nothing to the provider.`,
		Example: `  awf-cred exchange --format json
  awf-cred mint | awf-cred exchange --assertion-file -
  awf-cred exchange --dry-run`,
		Args:        noArguments,
		Annotations: map[string]string{usesSettings: "yes"},
		RunE:        a.action(func(ctx context.Context, _ []string) error { return runExchange(ctx, a, o) }),
	}
	fs := cmd.Flags()
	fs.StringVar(&o.assertionFile, "assertion-file", "", "`path` of the identity token, - for standard input (default: mint one)")
	fs.BoolVar(&o.dryRun, "dry-run", false, "show the request, do not send it")
	formatFlag(cmd, &o.format, exchangeFormats())
	return cmd
}

func runExchange(ctx context.Context, a *app, o exchangeOptions) error {
	format, err := a.format(o.format, exchangeFormats())
	if err != nil {
		return err
	}
	_, p, err := a.profile()
	if err != nil {
		return err
	}
	if p.Static != nil {
		return usage("exchange", "a static key is in force (env "+p.Static.Env+"), there is nothing to exchange",
			"set AWF_AUTH_TYPE to github-oidc, or unset "+p.Static.Env)
	}
	if err := format.Check(p.Provider, kindOf(p)); err != nil && !o.dryRun {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	how := wiring{Store: "none"}
	if how.Identity, err = a.assertionSource(p, o.assertionFile); err != nil {
		return err
	}
	if o.dryRun {
		return a.dryRun(ctx, p, how, o.format)
	}
	w, err := a.source(ctx, p, how)
	if err != nil {
		return err
	}
	c, err := w.Tokens.Refresh(ctx)
	if err != nil {
		return err
	}
	return a.print(w, format, c)
}

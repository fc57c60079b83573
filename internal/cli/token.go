package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
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
printed as it is.

--format gcp-executable answers Google's libraries: it prints the identity token,
because they make the exchange, and its failures are an object on standard output.`,
		Example: `  awf-cred token
  awf-cred token --format json
  awf-cred token --format header
  awf-cred token --format exec-credential
  awf-cred token --format api-key-helper
  awf-cred token --min-ttl 5m --cache-dir "$RUNNER_TEMP/credentials"`,
		Args:        noArguments,
		Annotations: map[string]string{usesSettings: "yes", lateSignals: "yes"},
		RunE:        a.action(func(ctx context.Context, _ []string) error { return runToken(ctx, a, o) }),
	}
	formatFlag(cmd, &o.format, tokenFormats())
	minTTLFlag(cmd)
	cmd.Flags().BoolVar(&o.forceRefresh, "force-refresh", false, "exchange anew whatever the cache holds")
	return cmd
}

// helperTTL is how long Claude Code keeps what its apiKeyHelper printed (Claude Code
// docs, CLAUDE_CODE_API_KEY_HELPER_TTL_MS).
const helperTTL = 5 * time.Minute

// marginOf is what a credential must have left for a caller that keeps it: as long
// as it keeps it, where the lifetime allows; never more than half, so that a second
// call does not exchange again. nil: the rule of min-ttl.
func marginOf(format string, p *config.Profile) func(time.Duration) time.Duration {
	if format != "api-key-helper" {
		return nil
	}
	given := minTTL(p, wiring{})
	return func(lifetime time.Duration) time.Duration { return max(given, min(helperTTL, lifetime/2)) }
}

// formatFlag defines --format of the commands that print a credential.
func formatFlag(cmd *cobra.Command, format *string, names []string) {
	cmd.Flags().StringVar(format, "format", names[0], "`word`: "+wordList(names))
}

// minTTLFlag defines --min-ttl; its meaning is config's.
func minTTLFlag(cmd *cobra.Command) {
	settingFlag(cmd.Flags(), field(config.GlobalFields(), "min_ttl"), "")
}

// exchangeFormats are the forms of a credential.
func exchangeFormats() []string { return output.FormatNames("", "") }

// tokenFormats are those, and the one that is the identity token.
func tokenFormats() []string { return append(exchangeFormats(), output.GCPExecutableFormat) }

func runToken(ctx context.Context, a *app, o tokenOptions) error {
	if o.format == output.GCPExecutableFormat {
		return a.patiently(ctx, func(ctx context.Context) error { return runExecutable(ctx, a) })
	}
	format, err := a.format(o.format, tokenFormats())
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
	w, err := a.source(ctx, p, wiring{Margin: marginOf(o.format, p)})
	if err != nil {
		return err
	}
	return a.obtain(ctx, w, o.forceRefresh, func(c exchange.Credential) error { return a.print(w, format, c) })
}

// format finds the format of a credential and checks what it depends on before
// anything is spent.
func (a *app) format(name string, names []string) (output.Format, error) {
	format, ok := output.LookupFormat(name)
	if !ok {
		return format, oneOf("format", name, names)
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
		a.log.Debug("taken from the cache", "profile", w.Profile.Name, "provider", w.Provider.Name, "request_id", c.RequestID)
		return deliver(c)
	}
	return a.patiently(ctx, func(ctx context.Context) error {
		ctx, cancel := a.within(ctx)
		defer cancel()
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

// shortKey makes a short-term key of a credential and masks it.
func (a *app) shortKey(w *wired) func(exchange.Credential) (secret.Value, error) {
	return func(c exchange.Credential) (secret.Value, error) {
		key, err := w.Provider.ShortKey(w.Profile.Values, c, a.sys.Clock.Now())
		a.masks.hide(key)
		return key, err
	}
}

// print masks a credential and delivers it.
func (a *app) print(w *wired, format output.Format, c exchange.Credential) error {
	a.masks.hideCredential(c)
	b, err := format.Print(output.Grant{
		Profile: w.Profile.Name, Credential: c, Cached: w.Tokens != nil && !w.exchanged.Load(), Now: a.sys.Clock.Now(),
		Header: w.Provider.Header, ExecInfo: a.env("KUBERNETES_EXEC_INFO"), APIKey: a.shortKey(w),
	})
	if err != nil {
		return err
	}
	return a.out.send("the token", b)
}

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/pkg/cache"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

type statusOptions struct {
	format string
	check  bool
}

func newStatusCmd(a *app) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what is cached, for whom, and how long it lives",
		Long: `Show the cached credentials without their secrets. The key and the identity are
digests, cut short.

With --check the exit status is 5 unless the credential that "awf-cred token"
would print now is in the cache and fresh. A cache that cannot be looked into,
such as an unsafe directory or a keyring that is not there, is exit status 6.`,
		Example: `  awf-cred status
  awf-cred status --format json
  awf-cred status --check || echo "the next token needs an exchange"`,
		Args:        noArguments,
		Annotations: map[string]string{usesSettings: "yes"},
		RunE:        a.action(func(ctx context.Context, _ []string) error { return runStatus(ctx, a, o) }),
	}
	textOrJSON(cmd, &o.format)
	cmd.Flags().BoolVar(&o.check, "check", false, "exit 5 unless a fresh credential is cached")
	minTTLFlag(cmd)
	return cmd
}

func runStatus(ctx context.Context, a *app, o statusOptions) error {
	if err := checkTextOrJSON(o.format); err != nil {
		return err
	}
	cfg, p, profileErr := a.profile()
	if cfg == nil || o.check && profileErr != nil {
		return profileErr
	}
	if _, err := a.settings(); err != nil { // a profile need not be there, but what is there must be right
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	entries, storeErr := a.entries(ctx)
	var current *wired
	if profileErr == nil && p.Static == nil {
		var err error
		current, err = a.source(ctx, p, wiring{Look: true})
		if err != nil && o.check {
			return err
		}
		if storeErr == nil && errors.Is(err, exchange.Storage) { // a keyring that was asked for
			storeErr = err
		}
	}
	rows := a.rows(ctx, entries, current)
	if err := a.sendStatus(rows, o.format); err != nil {
		return err
	}
	if storeErr != nil {
		return storeErr
	}
	if o.check {
		return a.checkFresh(ctx, current)
	}
	return nil
}

// entries are what the cache directory holds. Those that must not be used are in
// the error, and so is a directory that must not be used at all.
func (a *app) entries(ctx context.Context) ([]cache.Entry, error) {
	dir, err := a.openCache(true)
	if err != nil {
		return nil, err
	}
	return dir.List(ctx)
}

// rows are the entries of the directory, and the current profile's where it is
// kept elsewhere.
func (a *app) rows(ctx context.Context, entries []cache.Entry, current *wired) []output.Entry {
	if e, ok := current.entry(ctx); ok && e.Store != "file" {
		entries = append(entries, e)
	}
	now := a.sys.Clock.Now()
	rows := make([]output.Entry, 0, len(entries))
	for _, e := range entries {
		rows = append(rows, output.Entry{
			Profile: e.Label.Profile, Provider: e.Label.Provider, Store: e.Store, Key: cache.ShortKey(e.Key),
			Identity: e.Label.Identity, IssuedAt: e.IssuedAt, ExpiresAt: e.ExpiresAt, Fresh: a.isFresh(e, now),
			Scope: e.Scope, RequestID: e.RequestID,
		})
	}
	return rows
}

// looker is a store that can describe an entry.
type looker interface {
	Lookup(ctx context.Context, key string) (cache.Entry, bool, error)
}

// entry describes what the store holds for a profile.
func (w *wired) entry(ctx context.Context) (cache.Entry, bool) {
	if w == nil || w.Tokens == nil {
		return cache.Entry{}, false
	}
	store, ok := w.Store.(looker)
	if !ok {
		return cache.Entry{}, false
	}
	key, err := w.Tokens.Key(ctx)
	if err != nil {
		return cache.Entry{}, false
	}
	e, found, err := store.Lookup(ctx, key)
	return e, found && err == nil
}

// isFresh is the rule by which `token` hands an entry out.
func (a *app) isFresh(e cache.Entry, now time.Time) bool {
	margin := min(2*time.Minute, e.Lifetime()/4)
	if wanted := a.cfg.Global.MinTTL; wanted != nil {
		margin = *wanted
	}
	left := e.ExpiresAt.Sub(now)
	return left > 0 && left >= margin
}

// checkFresh is the answer of --check.
func (a *app) checkFresh(ctx context.Context, current *wired) error {
	if current == nil { // a static key is always there
		return nil
	}
	if e, ok := current.entry(ctx); ok && a.isFresh(e, a.sys.Clock.Now()) {
		return nil
	}
	return &exchange.Error{Provider: current.Provider.Name, Step: "status", Cause: exchange.Unavailable,
		Description: "no fresh credential is cached for profile " + current.Profile.Name}
}

func (a *app) sendStatus(rows []output.Entry, format string) error {
	now := a.sys.Clock.Now()
	if format == "json" {
		b, err := output.StatusJSON(rows, now)
		if err != nil {
			return err
		}
		return a.out.send("the status", b)
	}
	return a.out.send("the status", statusText(rows, now))
}

func statusText(rows []output.Entry, now time.Time) []byte {
	if len(rows) == 0 {
		return []byte("nothing is cached\n")
	}
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "PROFILE\tPROVIDER\tSTORE\tKEY\tIDENTITY\tEXPIRES\tLEFT\tFRESH\tSCOPE\tREQUEST ID")
	for _, r := range rows {
		left := max(r.ExpiresAt.Sub(now), 0).Truncate(time.Second)
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			cell(r.Profile), cell(r.Provider), r.Store, r.Key, cell(r.Identity),
			r.ExpiresAt.UTC().Format(time.RFC3339), left, yesNo(r.Fresh), cell(r.Scope), cell(r.RequestID))
	}
	_ = t.Flush()
	return b.Bytes()
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// cell is a text in a table: printable, and never empty.
func cell(s string) string {
	if s == "" {
		return "-"
	}
	return oneLine(s)
}

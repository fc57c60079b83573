package cli

import (
	"context"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/pkg/cache"
)

type clearOptions struct{ all bool }

func newCacheCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "cache",
		Short:   "Manage the cache",
		Example: `  awf-cred cache clear --all`,
		Args:    noArguments,
	}
	cmd.RunE = a.action(func(context.Context, []string) error { return cmd.Help() })
	cmd.AddCommand(newClearCmd(a))
	return cmd
}

func newClearCmd(a *app) *cobra.Command {
	var o clearOptions
	cmd := &cobra.Command{
		Use:   "clear",
		Short: "Remove cached credentials",
		Long: `Remove the cached credential of the profile in force, or with --all every one in
the cache directory. A credential that was removed stays valid at the provider
until it expires. What is known of identity tokens that were already sent is
kept: they are still spent.`,
		Example: `  awf-cred cache clear
  awf-cred cache clear --all`,
		Args:        noArguments,
		Annotations: map[string]string{usesSettings: "yes"},
		RunE:        a.action(func(ctx context.Context, _ []string) error { return runClear(ctx, a, o) }),
	}
	cmd.Flags().BoolVar(&o.all, "all", false, "of all profiles and identities")
	return cmd
}

func runClear(ctx context.Context, a *app, o clearOptions) error {
	if o.all {
		return clearAll(ctx, a)
	}
	_, p, err := a.profile()
	if err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	w, err := a.source(ctx, p, wiring{Look: true, Strict: true})
	if err != nil {
		return err
	}
	if w.Tokens == nil || w.Store == nil {
		return a.out.send("the answer", []byte(removedText(0)))
	}
	_, found := w.entry(ctx)
	key, err := w.Tokens.Key(ctx)
	if err != nil {
		return err
	}
	if err := w.Store.Delete(ctx, key); err != nil {
		return err
	}
	if dir, err := a.sdkProfileDir(ctx, w, true); err == nil {
		if err := a.removeSDKProfiles(filepath.Base(dir)); err != nil {
			return err
		}
	}
	removed := 0
	if found {
		removed = 1
	}
	return a.out.send("the answer", []byte(removedText(removed)))
}

// clearAll empties the cache directory. It needs no profile.
func clearAll(ctx context.Context, a *app) error {
	if _, err := a.settings(); err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	dir, err := a.openCache(true)
	if err != nil {
		return err
	}
	removed, err := dir.Clear(ctx)
	if err != nil {
		return err
	}
	if err := a.removeSDKProfiles(); err != nil {
		return err
	}
	if err := clearKeyring(ctx, a); err != nil {
		return err
	}
	return a.out.send("the answer", []byte(removedText(removed)))
}

// clearKeyring empties the keyring where the configuration uses it.
func clearKeyring(ctx context.Context, a *app) error {
	store := a.cfg.Global.CacheStore
	if store != "keyring" && store != "auto" {
		return nil
	}
	k, err := cache.NewKeyring(ctx, cache.KeyringOptions{Clock: a.sys.Clock, Running: store == "auto", Getenv: a.env})
	switch {
	case err != nil && store == "auto":
		return nil // it was not used either
	case err != nil:
		return keyringError(a.cfg.Global.Settings["cache"].Origin, err)
	}
	return k.Clear(ctx)
}

func removedText(n int) string {
	if n == 1 {
		return "removed 1 credential\n"
	}
	return "removed " + strconv.Itoa(n) + " credentials\n"
}

package cli

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// sdkProfilePrefix begins the names of the folders in the cache directory that
// `env --for sdk-profile` writes; the credential's key follows, so that two
// identities never share one.
const sdkProfilePrefix = "anthropic-"

// sdkProfileRoot is the cache directory if it is safe: whoever could change what is
// in it could give the SDK a credential of their own.
func (a *app) sdkProfileRoot(look bool) (string, error) {
	dir, err := a.openCache(look)
	if err != nil {
		return "", &exchange.Error{Step: "sdk-profile", Cause: exchange.Storage, Description: "there is no place for it",
			Err: err, Hint: describe(err).Hint}
	}
	return dir.Path(), nil
}

// sdkProfileDir is that folder.
func (a *app) sdkProfileDir(ctx context.Context, w *wired, look bool) (string, error) {
	root, err := a.sdkProfileRoot(look)
	if err != nil {
		return "", err
	}
	key, err := w.Tokens.Key(ctx)
	if err != nil {
		return "", err
	}
	return filepath.Join(root, sdkProfilePrefix+key[:min(len(key), 12)]), nil
}

// writeSDKProfile writes a profile of Anthropic's SDKs that holds c, and returns
// the settings with its folder.
func (a *app) writeSDKProfile(ctx context.Context, w *wired, c exchange.Credential) (config.Values, error) {
	dir, err := a.sdkProfileDir(ctx, w, false)
	if err != nil {
		return nil, err
	}
	v := w.Profile.Values
	credentials, err := output.AnthropicFile(c, v.Get("organization_id"), v.Get("workspace_id"))
	if err != nil {
		return nil, err
	}
	profile, err := output.AnthropicProfile(v.Get("organization_id"))
	if err != nil {
		return nil, err
	}
	for folder, data := range map[string][]byte{"credentials": credentials, "configs": profile} {
		if err := writePrivate(filepath.Join(dir, folder), provider.SDKProfileName+".json", data); err != nil {
			return nil, &exchange.Error{Step: "sdk-profile", Cause: exchange.Storage, Description: "it was not written", Err: err,
				Hint: "name another directory with --cache-dir"}
		}
	}
	v = maps.Clone(v)
	v[provider.SDKProfileDir] = config.Setting{Name: provider.SDKProfileDir, Value: dir}
	return v, nil
}

func writePrivate(dir, name string, data []byte) error {
	d, err := atomicfile.MakeDir(dir, 0)
	if err != nil {
		return err
	}
	d.Close()
	return atomicfile.Write(filepath.Join(dir, name), data)
}

// removeSDKProfiles removes the folders of those names in the cache directory, all
// of them for no name.
func (a *app) removeSDKProfiles(names ...string) error {
	dir := a.cfg.Global.CacheDir
	if len(names) == 0 {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &exchange.Error{Step: "cache clear", Cause: exchange.Storage, Err: err}
		}
		for _, e := range entries {
			if e.IsDir() && strings.HasPrefix(e.Name(), sdkProfilePrefix) {
				names = append(names, e.Name())
			}
		}
	}
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return &exchange.Error{Step: "cache clear", Cause: exchange.Storage, Err: err}
		}
	}
	return nil
}

package cache

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

const folderName = "awf-cred"

// DefaultDir is the cache directory when none is named: RUNNER_TEMP/awf-cred in
// GitHub Actions, else awf-cred in the user's cache directory (XDG_CACHE_HOME,
// else HOME/.cache or, on darwin, HOME/Library/Caches; LocalAppData on windows). Variables
// that are blank or relative count as absent, and a home that does not exist is
// not made. goos is runtime.GOOS.
func DefaultDir(goos string, getenv func(string) string) (string, error) {
	if getenv("GITHUB_ACTIONS") == "true" {
		if temp := absolute(getenv("RUNNER_TEMP")); temp != "" {
			return filepath.Join(temp, folderName), nil
		}
	}
	if goos == "windows" {
		if local := absolute(getenv("LocalAppData")); local != "" {
			return filepath.Join(local, folderName), nil
		}
		return "", storageError("cache", errors.New("no cache directory: LocalAppData is not set"))
	}
	if xdg := absolute(getenv("XDG_CACHE_HOME")); xdg != "" {
		return filepath.Join(xdg, folderName), nil
	}
	home := absolute(getenv("HOME"))
	if home == "" {
		return "", storageError("cache", errors.New("no cache directory: neither XDG_CACHE_HOME nor HOME is an absolute path"))
	}
	if info, err := os.Stat(home); err != nil || !info.IsDir() {
		return "", storageError("cache", errors.New("no cache directory: HOME is not a directory"))
	}
	if goos == "darwin" {
		return filepath.Join(home, "Library", "Caches", folderName), nil
	}
	return filepath.Join(home, ".cache", folderName), nil
}

func absolute(path string) string {
	if strings.TrimSpace(path) == "" || !filepath.IsAbs(path) {
		return ""
	}
	return path
}

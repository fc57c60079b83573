// Package repo checks the repository itself: what the product links, where a
// secret is revealed, and that the documentation says what is true.
package repo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the folder of go.mod.
func root(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(dir, "go.mod"))
	return dir
}

// sources returns the text of every Go file of the product by its path from the
// root: no tests, no sandbox, no tools.
func sources(t testing.TB) map[string]string {
	t.Helper()
	base := root(t)
	found := map[string]string{}
	for _, top := range []string{"cmd", "internal", "pkg"} {
		err := filepath.WalkDir(filepath.Join(base, top), func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(base, path)
			rel = filepath.ToSlash(rel)
			switch {
			case d.IsDir() && (rel == "internal/sandbox" || rel == "internal/tools" || rel == "cmd/awf-sandbox"):
				return filepath.SkipDir
			case d.IsDir(), !strings.HasSuffix(rel, ".go"), strings.HasSuffix(rel, "_test.go"):
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			found[rel] = string(text)
			return nil
		})
		require.NoError(t, err)
	}
	require.NotEmpty(t, found)
	return found
}

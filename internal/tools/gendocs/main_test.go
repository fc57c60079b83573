package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The reference in docs is what the program says of itself today.
func TestTheReferenceIsUpToDate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	markdown, man := filepath.Join(dir, "cli"), filepath.Join(dir, "man")
	require.NoError(t, generate(markdown, man))
	for fresh, kept := range map[string]string{markdown: "../../../docs/cli", man: "../../../docs/man"} {
		want, got := pages(t, fresh), pages(t, kept)
		assert.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got)), "run: make docs")
		for name, text := range want {
			assert.True(t, text == got[name], "%s is not up to date; run: make docs", name)
		}
	}
}

func pages(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	out := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		out[e.Name()] = string(text)
	}
	return out
}

func TestPagesOfCommandsThatAreGoneAreRemoved(t *testing.T) {
	t.Parallel()
	markdown, man := filepath.Join(t.TempDir(), "cli"), t.TempDir()
	require.NoError(t, os.MkdirAll(markdown, 0o755))
	old := filepath.Join(markdown, "awf-cred-gone.md")
	require.NoError(t, os.WriteFile(old, nil, 0o644))
	require.NoError(t, generate(markdown, man))
	assert.NoFileExists(t, old)
	assert.FileExists(t, filepath.Join(markdown, "awf-cred-token.md"))
	assert.FileExists(t, filepath.Join(man, "awf-cred-config-show.1"))
}

func TestRoff(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `\-\-format a\eb`, roff(`--format a\b`))
	assert.Equal(t, `\&.PP`, roff(".PP"))
	assert.Equal(t, `\&'x`, roff("'x"))
}

package repo

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryDirectDependencyIsWeighed: a module that our packages or tests import
// has a line in docs/dependencies.md, and a line there is a module of go.mod.
func TestEveryDirectDependencyIsWeighed(t *testing.T) {
	t.Parallel()
	base := root(t)
	page, err := os.ReadFile(filepath.Join(base, "docs/dependencies.md"))
	require.NoError(t, err)
	mod, err := os.ReadFile(filepath.Join(base, "go.mod"))
	require.NoError(t, err)
	var modules []string
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) v\S+`).FindAllStringSubmatch(string(mod), -1) {
		modules = append(modules, m[1])
	}
	require.NotEmpty(t, modules)
	owner := func(pkg string) (found string) {
		for _, m := range modules {
			if (pkg == m || strings.HasPrefix(pkg, m+"/")) && len(m) > len(found) {
				found = m
			}
		}
		return found
	}
	direct := map[string]bool{}
	for _, goos := range []string{"linux", "darwin", "windows"} {
		list := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}{{"\n"}}{{join .TestImports "\n"}}{{"\n"}}{{join .XTestImports "\n"}}`, "./...")
		list.Dir = base
		list.Env = append(os.Environ(), "GOOS="+goos)
		out, err := list.Output()
		require.NoError(t, err)
		for _, pkg := range strings.Fields(string(out)) {
			if m := owner(pkg); m != "" {
				direct[m] = true
			}
		}
	}
	for m := range direct {
		assert.True(t, strings.Contains(string(page), "\n| `"+m+"` |"), "docs/dependencies.md has no line for %s", m)
	}
	for _, m := range regexp.MustCompile("`((?:[a-z.]+\\.)[a-z]+/[\\w./-]+)`").FindAllStringSubmatch(string(page), -1) {
		assert.Contains(t, modules, m[1], "docs/dependencies.md")
	}
}

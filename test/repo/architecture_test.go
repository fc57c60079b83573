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

// TestArchitectureIsTheMap: every path that the map names exists, and every
// package of ours is on the map.
func TestArchitectureIsTheMap(t *testing.T) {
	t.Parallel()
	base := root(t)
	text, err := os.ReadFile(filepath.Join(base, "docs/architecture.md"))
	require.NoError(t, err)
	named := regexp.MustCompile("`((?:cmd|pkg|internal|test|bench|docs|tools)/[\\w./-]*)`").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, named)
	for _, m := range named {
		if strings.Contains(m[1], "NAME") {
			continue
		}
		_, err := os.Stat(filepath.Join(base, m[1]))
		assert.NoError(t, err, "the map names %s", m[1])
	}
	list := exec.Command("go", "list", "./...")
	list.Dir = base
	out, err := list.Output()
	require.NoError(t, err)
	for _, pkg := range strings.Fields(string(out)) {
		rel := strings.TrimPrefix(pkg, "github.com/awf-cred/awf-cred/")
		assert.True(t, strings.Contains(string(text), "`"+rel), "the map does not name %s", rel)
	}
}

// TestEveryPackageSaysItsJob: a package comment is the newcomer's map.
func TestEveryPackageSaysItsJob(t *testing.T) {
	t.Parallel()
	list := exec.Command("go", "list", "-f", "{{.ImportPath}}\t{{.Doc}}", "./...")
	list.Dir = root(t)
	out, err := list.Output()
	require.NoError(t, err)
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		pkg, doc, _ := strings.Cut(line, "\t")
		if !strings.Contains(pkg, "/test/") {
			assert.NotEmpty(t, doc, "%s has no package comment", pkg)
		}
	}
}

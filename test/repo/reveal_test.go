package repo

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the lists in testdata")

// TestEveryRevealIsOnTheList: a new place where a secret leaves its type is a
// decision, made by editing testdata/reveal.txt in the same change.
func TestEveryRevealIsOnTheList(t *testing.T) {
	t.Parallel()
	var lines []string
	for path, text := range sources(t) {
		if n := strings.Count(text, ".Reveal()"); n > 0 && path != "pkg/secret/secret.go" {
			lines = append(lines, fmt.Sprintf("%s %d", path, n))
		}
	}
	sort.Strings(lines)
	got := strings.Join(lines, "\n") + "\n"
	list := filepath.Join("testdata", "reveal.txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(list, []byte(got), 0o644))
	}
	want, err := os.ReadFile(list)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "a call of Reveal came or went: look at it, then run with -update")
}

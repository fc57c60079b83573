package repo

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryPageIsInTheIndex: README links to each hand-written page.
func TestEveryPageIsInTheIndex(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	require.NoError(t, err)
	for _, page := range pages(t) {
		if page != "README.md" {
			assert.Contains(t, string(readme), "]("+page+")")
		}
	}
}

package repo

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTroubleshootingHeadingsAreOurMessages: a heading is text that a user can
// search for, so it must occur in our own sources.
func TestTroubleshootingHeadingsAreOurMessages(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root(t), "docs/troubleshooting.md"))
	require.NoError(t, err)
	var all strings.Builder
	for _, source := range sources(t) {
		all.WriteString(source)
	}
	headings := regexp.MustCompile("(?m)^### `(.+)`$").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(headings), 50)
	for _, h := range headings {
		for _, part := range strings.Split(h[1], "…") {
			if part = strings.TrimSpace(part); part != "" {
				assert.True(t, strings.Contains(all.String(), part), "no message of ours says %q", part)
			}
		}
	}
}

// TestLinksBetweenPagesResolve checks relative links of README and docs.
func TestLinksBetweenPagesResolve(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, page := range pages(t) {
		text, err := os.ReadFile(filepath.Join(root(t), page))
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target := filepath.Join(root(t), filepath.Dir(page), m[1])
			_, err := os.Stat(target)
			assert.NoError(t, err, "%s links to %s", page, m[1])
		}
	}
}

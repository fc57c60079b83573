package repo

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/config"
)

// TestServePageIsComplete: docs/serve.md names every flag, metric, kind of sink,
// field of the logs and type of error that there is.
func TestServePageIsComplete(t *testing.T) {
	t.Parallel()
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join(root(t), path))
		require.NoError(t, err)
		return string(text)
	}
	page := read("docs/serve.md")
	found := func(pattern, text string) (words []string) {
		t.Helper()
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			words = append(words, m[1])
		}
		require.NotEmpty(t, words, "%s finds nothing", pattern)
		return words
	}
	reference := read("docs/cli/awf-cred-serve.md")
	_, flags, _ := strings.Cut(reference, "\n## Flags\n")
	flags, _, _ = strings.Cut(flags, "\n## ")
	for _, flag := range found(`(?m)^(--[a-z-]+)`, flags) {
		if flag != "--min-ttl" && flag != "--base-path" && flag != "--upstream" { // of the configuration's page
			assert.True(t, strings.Contains(page, flag), "docs/serve.md lacks %s", flag)
		}
	}
	var serve, proxy strings.Builder
	for path, text := range sources(t) {
		switch {
		case strings.HasPrefix(path, "internal/serve/"):
			serve.WriteString(text)
		case strings.HasPrefix(path, "internal/proxy/"):
			proxy.WriteString(text)
		}
	}
	for _, metric := range found(`"((?:awf_cred|go|process)_[a-z_]+)"`, serve.String()) {
		assert.True(t, strings.Contains(page, metric), "docs/serve.md lacks %s", metric)
	}
	for _, word := range found(`Type(?:: |, r\.Message, r\.Retryable = |, r\.Message = )"([a-z_]+)"`, proxy.String()) {
		assert.True(t, strings.Contains(page, "`"+word+"`"), "docs/serve.md lacks %s", "`"+word+"`")
	}
	for _, kind := range config.SinkKinds() {
		assert.True(t, strings.Contains(page, "| `"+kind+"` |"), "docs/serve.md lacks %s", "| `"+kind+"` |")
	}
	for _, field := range append(
		found("`json:\"([a-z_0-9]+)\"`", read("internal/serve/audit.go")),
		found(`"([a-z_]+)":`, read("internal/serve/access.go"))...) {
		assert.True(t, strings.Contains(page, "`"+field+"`"), "docs/serve.md lacks %s", "`"+field+"`")
	}
}

package repo

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// block is one fenced block of a page.
type block struct {
	page string // path from the root
	line int    // of the opening fence
	lang string
	text string
	note string // of an HTML comment on the line before: "not run: why"
}

// pages lists the hand-written Markdown pages.
func pages(t testing.TB) []string {
	t.Helper()
	base := root(t)
	found := []string{"README.md"}
	err := filepath.WalkDir(filepath.Join(base, "docs"), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(base, path)
		rel = filepath.ToSlash(rel)
		if d.IsDir() && (rel == "docs/cli" || rel == "docs/man") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(rel, ".md") {
			found = append(found, rel)
		}
		return nil
	})
	require.NoError(t, err)
	return found
}

// blocks returns the fenced blocks of a page in order.
func blocks(t testing.TB, page string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), page))
	require.NoError(t, err)
	var found []block
	var open *block
	previous := ""
	for i, line := range strings.Split(string(text), "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case open == nil && strings.HasPrefix(trimmed, "```"):
			open = &block{page: page, line: i + 1, lang: strings.TrimPrefix(trimmed, "```")}
			if note, ok := strings.CutPrefix(previous, "<!-- not run: "); ok {
				open.note = strings.TrimSuffix(note, " -->")
			}
		case open != nil && trimmed == "```":
			found = append(found, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
		if trimmed != "" {
			previous = trimmed
		}
	}
	require.Nil(t, open, "%s: a fence is not closed", page)
	return found
}

var providerNote = regexp.MustCompile(`(?m)^<!-- provider: ([a-z]+) -->$`)

// providerOf is the vendor whose sandbox the commands of a page run against: a page
// below docs/providers is named like it, any other says so in a comment.
func providerOf(t testing.TB, page string) string {
	t.Helper()
	if name, ok := strings.CutPrefix(page, "docs/providers/"); ok {
		return strings.TrimSuffix(name, ".md")
	}
	text, err := os.ReadFile(filepath.Join(root(t), page))
	require.NoError(t, err)
	if m := providerNote.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return "anthropic"
}

//go:build unix

package repo

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// exported reads GITHUB_ENV as the runner does: NAME=VALUE, or a heredoc (GitHub
// Docs, "Workflow commands", environment files).
func (s *step) exported(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile(s.env["GITHUB_ENV"])
	require.NoError(t, err)
	found := map[string]string{}
	lines := strings.Split(string(data), "\n")
	for i := 0; i < len(lines); i++ {
		name, value, plain := strings.Cut(lines[i], "=")
		before, delimiter, heredoc := strings.Cut(lines[i], "<<")
		switch {
		case heredoc && (!plain || len(before) < len(name)):
			var text []string
			for i++; i < len(lines) && lines[i] != delimiter; i++ {
				text = append(text, lines[i])
			}
			require.Less(t, i, len(lines), "the heredoc of %s does not end", before)
			found[before] = strings.Join(text, "\n")
		case plain:
			found[name] = value
		default:
			require.Empty(t, lines[i], "a line of GITHUB_ENV assigns nothing")
		}
	}
	return found
}

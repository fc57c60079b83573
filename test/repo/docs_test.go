package repo

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// TestEveryCommandOfTheDocsRuns runs each `sh` block of README and docs in a
// clean home, as a job that the sandbox knows. A line that builds or tests the
// project is checked to name what exists; a block that cannot run here says why
// in a comment before it.
func TestEveryCommandOfTheDocsRuns(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
	bin := filepath.Dir(binary(t))
	ran := 0
	for _, page := range pages(t) {
		for _, b := range blocks(t, page) {
			if b.lang != "sh" || b.note != "" {
				continue
			}
			ran++
			t.Run(fmt.Sprintf("%s:%d", b.page, b.line), func(t *testing.T) {
				t.Parallel()
				runBlock(t, bin, b)
			})
		}
	}
	require.NotZero(t, ran)
}

func runBlock(t *testing.T, bin string, b block) {
	var script []string
	for _, line := range strings.Split(b.text, "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) > 1 && (words[0] == "make" || words[0] == "git" || words[0] == "go") || line == "cd awf-cred" || line == "make":
			assertNamesWhatExists(t, words)
		default:
			script = append(script, line)
		}
	}
	home := t.TempDir()
	sb := sandbox.Start(t)
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", strings.Join(script, "\n"))
	cmd.Dir = home
	cmd.Env = append([]string{
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + home, "RUNNER_TEMP=" + home,
		"GITHUB_ENV=" + filepath.Join(home, "github-env"),
	}, append(sb.GitHubEnv(), sb.AnthropicEnv()...)...)
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, "%s:%d\n%s\n%s", b.page, b.line, b.text, out)
}

var goPath = regexp.MustCompile(`^\./[\w./-]+$`)

// assertNamesWhatExists checks a line that cannot be run inside a test run: its
// make target is in the Makefile, its Go package is a folder.
func assertNamesWhatExists(t *testing.T, words []string) {
	t.Helper()
	makefile, err := os.ReadFile(filepath.Join(root(t), "Makefile"))
	require.NoError(t, err)
	for _, word := range words[1:] {
		switch {
		case words[0] == "make" && !strings.Contains(word, "="):
			assert.Regexp(t, `(?m)^`+regexp.QuoteMeta(word)+`:`, string(makefile))
		case words[0] == "go" && goPath.MatchString(word) && word != "./...":
			assert.DirExists(t, filepath.Join(root(t), word))
		}
	}
}

// binary builds awf-cred, or takes the one named by AWF_TEST_BINARY.
func binary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("AWF_TEST_BINARY"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "awf-cred")
	build := exec.Command("go", "build", "-o", path, "./cmd/awf-cred")
	build.Dir = root(t)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

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
	require.Greater(t, len(headings), 10)
	for _, h := range headings {
		for _, part := range strings.Split(h[1], "…") {
			if part = strings.TrimSpace(part); part != "" {
				assert.Contains(t, all.String(), part, "no message of ours says %q", h[1])
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

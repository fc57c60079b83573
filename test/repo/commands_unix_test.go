//go:build unix

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
)

// TestEveryCommandOfTheDocsRuns runs each `sh` block, each step of a workflow and
// each command inside a configuration file of README and docs, page by page in a
// clean home, as a job that the sandbox of the page's vendor knows. A line that
// builds or tests the project is checked to name what exists; a block that cannot
// run here says why in a comment before it.
//
// Programs that are not installed everywhere, or want a network, are replaced by
// testdata/stubs: each takes the credential from where the real one does and makes
// one request with it. Package test/clients runs the real ones.
func TestEveryCommandOfTheDocsRuns(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(name + " is not installed")
		}
	}
	bin := filepath.Dir(binary(t))
	for _, page := range pages(t) {
		list := runnable(t, page)
		if len(list) == 0 {
			continue
		}
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, bin, providerOf(t, page))
			for _, b := range list {
				ok := t.Run(fmt.Sprintf("line %d", b.line), func(t *testing.T) { s.play(t, b) })
				if !ok {
					return // what follows builds on it
				}
			}
		})
	}
}

// runnable are the blocks of a page with commands in them.
func runnable(t *testing.T, page string) (list []block) {
	for _, b := range blocks(t, page) {
		switch b.lang {
		case "sh", "yaml", "json", "ini":
			if b.note == "" {
				list = append(list, b)
			}
		}
	}
	return list
}

// play runs what a block has to run.
func (s *step) play(t *testing.T, b block) {
	switch b.lang {
	case "sh":
		s.run(t, b, shell(t, b.text))
	case "yaml":
		s.playYAML(t, b)
	case "json":
		s.playJSON(t, b)
	case "ini":
		s.playINI(t, b)
	}
}

// shell is a block without the lines that cannot run inside a test run.
func shell(t *testing.T, text string) string {
	var script []string
	for line := range strings.SplitSeq(text, "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) > 1 && (words[0] == "make" || words[0] == "git" || words[0] == "go") || line == "cd awf-cred" || line == "make":
			assertNamesWhatExists(t, words)
		default:
			script = append(script, line)
		}
	}
	return strings.Join(script, "\n")
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

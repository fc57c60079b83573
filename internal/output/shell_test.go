//go:build unix

package output_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/output"
)

// shells are the programs that read a dialect as its users do, and print $VALUE
// and a byte that says whether $GONE is still there.
var shells = []struct{ name, dialect, script string }{
	{"sh", "posix", `eval "$(cat)"; printf %s "$VALUE"; printf %s "${GONE-x}"`},
	{"bash", "posix", `eval "$(cat)"; printf %s "$VALUE"; printf %s "${GONE-x}"`},
	{"zsh", "posix", `eval "$(cat)"; printf %s "$VALUE"; printf %s "${GONE-x}"`},
	{"ksh", "posix", `eval "$(cat)"; printf %s "$VALUE"; printf %s "${GONE-x}"`},
	{"fish", "fish", `cat | source; or exit 9; printf %s "$VALUE"; set -q GONE; or printf x`},
}

func run(t *testing.T, shell, script string, stdin []byte) string {
	t.Helper()
	args := []string{"-c", script}
	switch shell {
	case "zsh":
		args = append([]string{"-f"}, args...)
	case "fish":
		args = append([]string{"--no-config"}, args...)
	}
	cmd := exec.CommandContext(t.Context(), shell, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "GONE=still here", "HOME=" + os.TempDir(), "LC_ALL=C.UTF-8"}
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s: %s\n%s", shell, stderr.String(), stdin)
	require.Empty(t, stderr.String(), shell)
	return string(out)
}

// roundTrip renders a value, lets the real shell read it and wants it back.
func roundTrip(t *testing.T, shell, dialect, script, value string) {
	t.Helper()
	d, ok := output.LookupDialect(dialect)
	require.True(t, ok)
	vars := []output.Var{output.Set("VALUE", value), output.Conflict("GONE"), output.Conflict("NEVER_SET")}
	rendered, err := d.Render(vars, func(string) bool { return true }, steadyRandom())
	require.NoError(t, err)
	assert.Equal(t, value+"x", run(t, shell, script, rendered), "%s, %q", shell, value)
}

var nasty = []string{
	"", "plain", "sk-ant-oat01-ABC_def-123", "a b", "'", "''", `"`, `\`, `\\`, `\'`, `'\''`, "$HOME", "$(id)", "`id`", "${x}",
	"a\nb", "\n", "a\n", "\n\n", "a\r\nb", "\t", "!history", "*", "~", "#c", ";id", "&&id", "|id", ">f", "-n", "--", "%s%n", "\x1b[31m",
	"é", "‘’‚‛", "日本", "\u202e", "';id;'", "'\n id \n'", `\n`, "a\\\nb", "end\\", "EOF", "\x01\x02\x7f", "::set-env name=A::b",
}

func TestShellsGiveBackWhatWasPutIn(t *testing.T) {
	t.Parallel()
	for _, s := range shells {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(s.name); err != nil {
				t.Skip("not installed")
			}
			for _, value := range nasty {
				roundTrip(t, s.name, s.dialect, s.script, value)
			}
		})
	}
}

func TestFishEvalJoinsLinesAndStillReadsThem(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("fish"); err != nil {
		t.Skip("not installed")
	}
	for _, value := range []string{"plain", "two words", "a\nb", `\'`} {
		roundTrip(t, "fish", "fish", `eval (cat); or exit 9; printf %s "$VALUE"; set -q GONE; or printf x`, value)
	}
}

// A .env file is also sourced by shells: what stands in it must not run there.
func TestASourcedDotenvFileRunsNothing(t *testing.T) {
	t.Parallel()
	d, _ := output.LookupDialect("dotenv")
	for _, value := range nasty {
		rendered, err := d.Render([]output.Var{output.Set("VALUE", value)}, nothingSet, nil)
		if err != nil {
			continue
		}
		// Readers disagree about \n only; everything else comes back as it was.
		want := strings.NewReplacer("\n", `\n`, "\r", `\r`).Replace(value)
		assert.Equal(t, want, run(t, "sh", `eval "$(cat)"; printf %s "$VALUE"`, rendered), "%q", value)
	}
}

func FuzzShells(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if strings.ContainsRune(value, 0) || len(value) > 4096 {
			t.Skip()
		}
		for _, s := range shells {
			if s.name == "fish" && !utf8.ValidString(value) {
				continue // fish decodes its script; bytes that are not text are not promised
			}
			if _, err := exec.LookPath(s.name); err == nil {
				roundTrip(t, s.name, s.dialect, s.script, value)
			}
		}
	})
}

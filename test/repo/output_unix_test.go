//go:build unix

package repo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheOutputPageIsWhatIsPrinted compares docs/output.md with what the commands
// print: the fields of each object, the formats, and the bounds.
func TestTheOutputPageIsWhatIsPrinted(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root(t), "docs/output.md"))
	require.NoError(t, err)
	page := string(text)
	// named are the words in backquotes in the first column of the tables below a heading.
	named := func(heading string) (words []string) {
		_, section, found := strings.Cut(page, heading+"\n")
		require.True(t, found, heading)
		section, _, _ = strings.Cut(section, "\n#")
		for line := range strings.Lines(section) {
			if cell, _, ok := strings.Cut(strings.TrimPrefix(line, "|"), "|"); ok && strings.HasPrefix(line, "| `") {
				if strings.Contains(cell, "`--") {
					continue // the heading of the table
				}
				for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
					words = append(words, m[1])
				}
			}
		}
		return words
	}
	bin := filepath.Dir(binary(t))
	steps := map[string]*step{"anthropic": newStep(t, bin, "anthropic"), "aws": newStep(t, bin, "aws")}
	run := func(vendor, command string) string {
		// Standard error apart: a mask or a warning is no part of the object.
		return steps[vendor].capture(t, block{page: "docs/output.md"}, command+" 2>/dev/null")
	}
	for _, one := range []struct{ heading, vendor, command, list string }{
		{"### `token --format json`, `exchange --format json`", "anthropic", "awf-cred token --format json", ""},
		{"### `token --format json`, `exchange --format json`", "anthropic", "awf-cred exchange --format json", ""},
		{"### `token --format json`, `exchange --format json`", "aws", "awf-cred token --format json", ""},
		{"### `mint --format json`", "anthropic", "awf-cred mint --format json", ""},
		{"### `status --format json`", "anthropic", "awf-cred status --format json", "entries"},
		{"### `config show --format json`", "anthropic", "awf-cred config show --format json", "settings"},
		{"### `version --format json`", "anthropic", "awf-cred version --format json", ""},
	} {
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(run(one.vendor, one.command)), &object), one.command)
		if one.list != "" {
			require.Len(t, object, 1, one.command)
			object = object[one.list].([]any)[0].(map[string]any)
		}
		var got []string
		for field := range object {
			got = append(got, field)
		}
		want := named(one.heading)
		if one.vendor == "aws" {
			require.Equal(t, "token", want[3])
			want = append(append(want[:3:3], want[4:]...), "access_key_id", "secret_access_key", "session_token")
			assert.Nil(t, object["token_type"])
		}
		assert.ElementsMatch(t, want, got, one.command)
	}

	formats := named("## Formats of a credential")
	for _, command := range []string{"token", "exchange"} {
		var want []string
		for line := range strings.Lines(run("anthropic", "awf-cred __complete "+command+" --format ''")) {
			if word, _, ok := strings.Cut(line, "\t"); ok {
				want = append(want, word)
			}
		}
		listed := formats
		if command == "exchange" {
			listed = formats[:len(formats)-1] // the last is of token alone, as the page says
		}
		assert.ElementsMatch(t, want, listed, command)
	}
	for _, format := range formats {
		refused := strings.Contains(run("aws", fmt.Sprintf("awf-cred token --format %s >/dev/null || echo refused", format)), "refused")
		said := strings.Contains("token header exec-credential api-key-helper", format)
		assert.Equal(t, said, refused, "AWS keys as %s", format)
	}

	all := strings.Join([]string{sources(t)["pkg/tokensource/retry.go"], sources(t)["internal/jwt/jwt.go"]}, "\n")
	for source, said := range map[string]string{
		`maxMints += 5\n`: "| mints of one command | 5 |", `maxExchanges += 4\n`: "| exchanges of one command | 4 |",
		`firstWait += time.Second\n`: "1 s, 2 s, 4 s, 8 s |", `maxWait += 8 \* time.Second\n`: "1 s, 2 s, 4 s, 8 s |",
		`maxRetryAfter += 30 \* time.Second\n`: "at most 30 s |", `MaxBytes = 16 << 10\n`: "| identity token | 16 KiB |",
	} {
		assert.Regexp(t, source, all)
		assert.Contains(t, page, said)
	}
}

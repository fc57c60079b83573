package config

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/awf-cred/awf-cred/internal/scrub"
)

// longestEcho is how much of a mistaken value a message repeats, in bytes.
const longestEcho = 64

// quoted repeats a value in a message: bounded, on one line, and not at all when
// it looks as if somebody put a secret where a name belongs.
func quoted(value string) string {
	if looksSecret(value) {
		return redacted
	}
	if len(value) > longestEcho {
		cut := longestEcho
		for cut > 0 && !utf8.RuneStart(value[cut]) {
			cut--
		}
		return strconv.QuoteToASCII(value[:cut]) + "..."
	}
	return strconv.QuoteToASCII(value)
}

// looksSecret knows credentials by their form, those of package scrub and the
// shorter ones that only occur where a name belongs, and URLs with a password.
func looksSecret(value string) bool {
	if strings.Contains(scrub.Text(value), scrub.Placeholder) || strings.Contains(value, "-----BEGIN ") {
		return true
	}
	for _, prefix := range []string{"eyJ", "sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "AKIA", "ASIA", "AIza"} {
		if strings.HasPrefix(value, prefix) {
			return true
		}
	}
	return strings.Contains(value, "@") && strings.Contains(value, "://")
}

// printable makes a path or a parser's text fit for one line of a message.
func printable(s string) string { return scrub.Text(s) }

// place is an origin in front of a message.
func (o Origin) place() string {
	if o.Kind == FromFile {
		return printable(o.File) + ":" + strconv.Itoa(o.Line)
	}
	return o.String()
}

package config

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// longestEcho is how much of a mistaken value a message repeats, in bytes.
const longestEcho = 64

// quoted repeats a value in a message: bounded, on one line, and not at all when
// it looks as if somebody put a secret where a name belongs.
func quoted(value string) string {
	if looksSecret(value) {
		return "(redacted)"
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

// looksSecret knows the beginnings of tokens and keys, and URLs with a password.
func looksSecret(value string) bool {
	for _, mark := range []string{"eyJ", "sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "AKIA", "ASIA", "AIza", "ya29.", "earer ", "bedrock-api-key", "BEGIN "} {
		if strings.Contains(value, mark) {
			return true
		}
	}
	return strings.Contains(value, "@") && strings.Contains(value, "://")
}

// printable makes a path or a parser's text fit for one line of a message.
func printable(s string) string {
	const longest = 512
	if len(s) > longest {
		s = s[:longest] + "..."
	}
	var b strings.Builder
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			b.WriteByte('?')
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// place is an origin in front of a message.
func (o Origin) place() string {
	if o.Kind == FromFile {
		return o.File + ":" + strconv.Itoa(o.Line)
	}
	return o.String()
}

// Package scrub makes text that came from a server, a file or a variable fit for
// a terminal, a log and an error: one bounded printable line without secrets.
//
// [Text] is for sentences, [Word] for identifiers (error codes, request ids),
// [CheckToken] decides whether a string may be a bearer token at all. All are
// pure functions.
//
// Nothing here decides what a text means; decisions are made on types.
package scrub

import (
	"strings"
	"unicode/utf8"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

const (
	// MaxText bounds what [Text] returns, in characters.
	MaxText = 512
	// Placeholder stands where a secret was.
	Placeholder = "(redacted)"

	// maxInput bounds the work on one text, in bytes. It is above the largest
	// assertion, so that a secret is seen whole or cut as one word.
	maxInput = 64 << 10
	ellipsis = "…"
)

// Text returns s as one printable line of at most [MaxText] characters. Control,
// formatting and bidirectional characters, line separators and invalid UTF-8 are
// shown as escapes; what looks like a credential of a known kind is replaced by
// [Placeholder], and so is every run of 12 or more bytes that one of the secrets
// contains, as it is or in base64 or hex. The result never begins with `::` and
// never contains `##[`, so that a runner does not take it for a command.
//
// Text(Text(s)) is Text(s).
func Text(s string, secrets ...secret.Value) string {
	return bound(clean(s, secrets), MaxText)
}

// Word is [Text] for an identifier: at most limit characters, and everything
// outside of letters, digits and `. _ : / @ + = - ( )` is shown as `?`.
func Word(s string, limit int, secrets ...secret.Value) string {
	line := clean(strings.TrimSpace(s), secrets)
	return bound(strings.Map(func(r rune) rune {
		if isWord(r) {
			return r
		}
		return '?'
	}, line), limit)
}

func isWord(r rune) bool {
	return r < utf8.RuneSelf && (isAlnum(byte(r)) || strings.ContainsRune("._:/@+=-()", r))
}

// clean escapes and redacts, without a bound on the result.
func clean(s string, secrets []secret.Value) string {
	in := cutInput(s)
	s = strings.Trim(escape(redact(in, secrets)), " ")
	if s == in && guard(s) == s {
		return s
	}
	// An escape can complete what was not a secret before; each round replaces
	// at least one run by a placeholder, which no pattern begins with.
	for {
		next := guard(redact(s, secrets))
		if next == s {
			return s
		}
		s = next
	}
}

// cutInput bounds s, together with the word that the cut would have halved: half
// a secret is not recognised.
func cutInput(s string) string {
	if len(s) <= maxInput {
		return s
	}
	s = s[:maxInput]
	i := strings.LastIndexAny(s, " \t\r\n")
	return s[:i+1] + ellipsis
}

func bound(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	n := 0
	for i := range s {
		if n++; n == limit {
			return strings.TrimRight(s[:i], " ") + ellipsis
		}
	}
	return s
}

// guard breaks what an Actions runner takes for a command: `::name::` at the
// start of a line, `##[name]` anywhere in it.
func guard(s string) string {
	if strings.HasPrefix(s, "::") {
		s = `\x3a` + s[1:]
	}
	return strings.ReplaceAll(s, "##[", `#\x23[`)
}

package scrub

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escape turns s into one printable line. The backslash itself stays as it is:
// the result is for reading, not for decoding, and escaping twice changes nothing.
func escape(s string) string {
	if printable(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x` + hex2(s[i]))
		case shown(r):
			b.WriteString(s[i : i+n])
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
		i += n
	}
	return b.String()
}

func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// shown reports whether r may stand in a line as it is. unicode.IsPrint leaves
// out controls, line and paragraph separators, every space but U+0020, and the
// formatting characters, the bidirectional ones among them. Combining marks are
// left out here: they can be stacked on our own words.
func shown(r rune) bool {
	return unicode.IsPrint(r) && !unicode.IsMark(r)
}

func hex2(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}

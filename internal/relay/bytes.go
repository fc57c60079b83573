package relay

import "encoding/binary"

// Character classes of RFC 9110 section 5.6.2 (token) and 5.5 (field value), one
// table, so that a head is checked in one pass.
const (
	classToken = 1 << iota // tchar
	classValue             // SP, HTAB, VCHAR, obs-text
	classPath              // printable ASCII that may stand in a target's path as it is
	classQuery             // and in its query
	classHost              // letters, digits and - . _ ~ of a registered name
	classHex
)

var classes = func() (t [256]uint8) {
	for c := 0x21; c < 0x7f; c++ {
		t[c] |= classValue | classPath | classQuery
	}
	for c := 0x80; c < 0x100; c++ {
		t[c] |= classValue
	}
	t[' '] |= classValue
	t['\t'] |= classValue
	t['#'] &^= classPath | classQuery // a fragment never belongs on the wire
	t['\\'] &^= classPath             // some servers take it for a slash
	t['?'] &^= classPath
	for c := '0'; c <= '9'; c++ {
		t[c] |= classToken | classHost | classHex
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c] |= classToken | classHost
		t[c-'a'+'A'] |= classToken | classHost
	}
	for c := 'a'; c <= 'f'; c++ {
		t[c] |= classHex
		t[c-'a'+'A'] |= classHex
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] |= classToken
	}
	for _, c := range "-._~" {
		t[c] |= classHost
	}
	return t
}()

func all(p []byte, class uint8) bool {
	for _, c := range p {
		if classes[c]&class == 0 {
			return false
		}
	}
	return true
}

// isValue is all(p, classValue), eight bytes at a time: field values are most of a
// head. A word is looked at closely only if it may hold a control byte.
func isValue(p []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for len(p) >= 8 {
		x := binary.LittleEndian.Uint64(p)
		del := x ^ 0x7f*ones
		if ((x-0x20*ones)&^x|(del-ones)&^del)&highs != 0 && !all(p[:8], classValue) {
			return false
		}
		p = p[8:]
	}
	return all(p, classValue)
}

func isToken(p []byte) bool { return len(p) > 0 && all(p, classToken) }

// lower is c in lower case with _ as -, the form in which names are compared: CGI
// and its descendants cannot tell the two apart, so neither may we.
func lower(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c + 'a' - 'A'
	case c == '_':
		return '-'
	}
	return c
}

// sameName reports whether p is name, given in lower case with dashes, after
// folding case and _ to -.
func sameName(p []byte, name string) bool {
	if len(p) != len(name) {
		return false
	}
	for i, c := range p {
		if lower(c) != name[i] {
			return false
		}
	}
	return true
}

// sameWord reports whether p is word, given in lower case, whatever its case.
func sameWord(p []byte, word string) bool {
	if len(p) != len(word) {
		return false
	}
	for i, c := range p {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// trim removes optional whitespace (SP, HTAB) around p.
func trim(p []byte) []byte {
	for len(p) > 0 && (p[0] == ' ' || p[0] == '\t') {
		p = p[1:]
	}
	for len(p) > 0 && (p[len(p)-1] == ' ' || p[len(p)-1] == '\t') {
		p = p[:len(p)-1]
	}
	return p
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	default:
		return c - 'a' + 10
	}
}

// decimal parses plain digits without a leading zero; ok is false for anything
// else and above 2^63-1. RFC 9110 section 8.6 allows leading zeros, but parsers
// differ on them.
func decimal(p []byte) (n int64, ok bool) {
	if len(p) == 0 || len(p) > 19 || p[0] == '0' && len(p) > 1 {
		return 0, false
	}
	var v uint64
	for _, c := range p {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + uint64(c-'0')
	}
	if v > 1<<63-1 {
		return 0, false
	}
	return int64(v), true
}

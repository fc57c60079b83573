package exchange

import (
	"strconv"
	"strings"
)

// attributes reads up to and including `>` or `/>`. Only xmlns means anything.
func (r *xmlReader) attributes(namespace string) (ns string, empty bool, err error) {
	seen := map[string]bool{}
	for {
		before := len(r.s)
		r.blanks()
		switch {
		case r.take("/>"):
			return namespace, true, nil
		case r.take(">"):
			return namespace, false, nil
		}
		name := r.name()
		if name == "" || before == len(r.s)+len(name) || seen[name] || len(seen) > 16 {
			return "", false, errXML
		}
		seen[name] = true
		value, ok := r.quoted()
		if !ok {
			return "", false, errXML
		}
		switch {
		case name == "xmlns":
			namespace = value
		case strings.Contains(name, ":"):
			return "", false, errXMLNamespace
		}
	}
}

// quoted reads = and a quoted value; references are not needed there.
func (r *xmlReader) quoted() (string, bool) {
	r.blanks()
	if !r.take("=") {
		return "", false
	}
	r.blanks()
	for _, q := range []string{`"`, `'`} {
		if r.take(q) {
			value, rest, ok := strings.Cut(r.s, q)
			r.s = rest
			return value, ok && !strings.ContainsAny(value, "<&\r\n\t") && xmlCharacters(value)
		}
	}
	return "", false
}

// text reads up to the next markup.
func (r *xmlReader) text() (string, error) {
	if r.s[0] == '&' {
		return r.reference()
	}
	end := strings.IndexAny(r.s, "<&")
	if end < 0 {
		return "", errXML // the element does not end
	}
	part := r.s[:end]
	if strings.Contains(part, "]]>") || !xmlCharacters(part) {
		return "", errXML
	}
	r.s = r.s[end:]
	return oneLineEnd(part), nil
}

// reference reads one of the five predefined entities or a character (XML 1.0
// sections 4.1 and 4.6).
func (r *xmlReader) reference() (string, error) {
	name, rest, ok := strings.Cut(r.s[1:], ";")
	if !ok || len(name) > 10 {
		return "", errXML
	}
	r.s = rest
	switch name {
	case "lt":
		return "<", nil
	case "gt":
		return ">", nil
	case "amp":
		return "&", nil
	case "quot":
		return `"`, nil
	case "apos":
		return "'", nil
	}
	digits, base := strings.TrimPrefix(name, "#"), 10
	if digits == name {
		return "", errXML
	}
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 21)
	if c := string(rune(n)); err == nil && xmlCharacters(c) && (c != "\uFFFD" || n == 0xFFFD) {
		return c, nil
	}
	return "", errXML
}

// xmlCharacters reports whether s, which is UTF-8, has only characters of XML
// (section 2.2).
func xmlCharacters(s string) bool {
	for _, c := range s {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0xFFFE || c == 0xFFFF {
			return false
		}
	}
	return true
}

// oneLineEnd is section 2.11.
func oneLineEnd(s string) string {
	if !strings.Contains(s, "\r") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// name reads a name of ASCII letters; empty when there is none.
func (r *xmlReader) name() string {
	n := 0
	for n < len(r.s) && (isIDByte(r.s[n]) || n > 0 && (r.s[n] == '.' || r.s[n] == ':')) {
		n++
	}
	name := r.s[:n]
	if name != "" && (isDigit(name[0]) || name[0] == '-' || strings.HasSuffix(name, ":")) {
		return ""
	}
	r.s = r.s[n:]
	return name
}

func (r *xmlReader) blanks() { r.s = strings.TrimLeft(r.s, " \t\r\n") }

func (r *xmlReader) take(prefix string) bool {
	rest, ok := strings.CutPrefix(r.s, prefix)
	if ok {
		r.s = rest
	}
	return ok
}

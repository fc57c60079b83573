package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// JSON renders v as one object and a newline. Nothing is escaped for HTML;
// characters that could steer a terminal (DEL, C1, bidi controls, line
// separators) are written as \u escapes, wherever v got them from.
func JSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return Escape(b.Bytes()), nil
}

// Escape replaces steering characters in JSON that is valid, where they can only
// stand inside strings. encoding/json has escaped those below U+0020 already.
func Escape(in []byte) []byte {
	if !needsEscape(in) {
		return in
	}
	out := make([]byte, 0, len(in)+64)
	for len(in) > 0 {
		r, n := utf8.DecodeRune(in)
		if steers(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, in[:n]...)
		}
		in = in[n:]
	}
	return out
}

func needsEscape(in []byte) bool {
	for _, c := range in {
		if c >= 0x7f {
			return true
		}
	}
	return false
}

// steers reports whether a terminal or a log viewer may act on r.
func steers(r rune) bool {
	switch {
	case r >= 0x7f && r <= 0x9f: // DEL and C1
	case r == 0x061c, r >= 0x200e && r <= 0x200f: // bidi marks
	case r >= 0x2028 && r <= 0x202e: // line separators, bidi embeddings and overrides
	case r >= 0x2066 && r <= 0x2069: // bidi isolates
	case r == 0xfeff: // byte order mark
	default:
		return false
	}
	return true
}

// stamp renders a time as RFC 3339 in UTC to the second, nil for none. Cutting
// makes an expiry earlier, never later.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05Z")
	return &s
}

// left is the whole number of seconds until t, at least 0, nil for no time.
func left(t, now time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := max(int64(t.Sub(now)/time.Second), 0)
	return &n
}

// known is nil for an empty string.
func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

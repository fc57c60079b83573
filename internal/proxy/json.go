package proxy

import "unicode/utf8"

// appendString appends s as a JSON string on one line of printable ASCII: control
// bytes, quotes, DEL and everything beyond ASCII are escaped, and what is not
// UTF-8 becomes U+FFFD. So neither a terminal nor a log reader can be led astray
// by ESC, U+2028 or bidi controls.
func appendString[T ~string | ~[]byte](dst []byte, s T) []byte {
	const digits = "0123456789abcdef"
	escape := func(v uint16) {
		dst = append(dst, '\\', 'u', digits[v>>12], digits[v>>8&15], digits[v>>4&15], digits[v&15])
	}
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
			i++
			continue
		case c >= ' ' && c < 0x7f:
			dst = append(dst, c)
			i++
			continue
		case c < utf8.RuneSelf:
			escape(uint16(c))
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
		if r > 0xffff {
			r -= 0x10000
			escape(uint16(0xd800 + r>>10))
			escape(uint16(0xdc00 + r&0x3ff))
		} else {
			escape(uint16(r))
		}
		i += size
	}
	return append(dst, '"')
}

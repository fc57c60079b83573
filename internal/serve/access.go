package serve

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/awf-cred/awf-cred/internal/proxy"
)

// accessLine writes one line for each request, refused ones and /health included.
// It is on the way of every request, so it is put together by hand.
func (h *Hub) accessLine(f *proxy.Finished) {
	if h.access == nil {
		return
	}
	now := h.now()
	h.access.line(func(buf *bytes.Buffer) {
		b := buf.AvailableBuffer()
		b = append(b, `{"time":"`...)
		b = now.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
		b = append(b, `","profile":`...)
		b = appendText(b, []byte(f.Profile))
		b = append(b, `,"method":`...)
		b = appendTextOrNull(b, f.Method)
		b = append(b, `,"path":`...)
		b = appendTextOrNull(b, f.Path)
		b = append(b, `,"status":`...)
		b = strconv.AppendInt(b, int64(f.Summary.Status), 10)
		b = append(b, `,"bytes_in":`...)
		b = strconv.AppendInt(b, f.Summary.BytesIn, 10)
		b = append(b, `,"bytes_out":`...)
		b = strconv.AppendInt(b, f.Summary.BytesOut, 10)
		b = append(b, `,"duration_ms":`...)
		b = strconv.AppendFloat(b, float64(f.Summary.Total.Round(time.Microsecond))/float64(time.Millisecond), 'f', -1, 64)
		b = append(b, `,"request_id":"`...)
		b = f.AppendRequestID(b)
		b = append(b, "\"}\n"...)
		buf.Write(b)
	})
}

func appendTextOrNull(b, s []byte) []byte {
	if len(s) == 0 {
		return append(b, "null"...)
	}
	return appendText(b, s)
}

// appendText is s as a JSON string of printable ASCII: nothing in it steers a
// terminal or starts a line. Bytes that are not UTF-8 become U+FFFD.
func appendText(b, s []byte) []byte {
	b = append(b, '"')
	for len(s) > 0 {
		c := s[0]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= ' ' && c < 0x7f:
			b = append(b, c)
		default:
			r, n := utf8.DecodeRune(s)
			b = appendEscaped(b, r)
			s = s[n:]
			continue
		}
		s = s[1:]
	}
	return append(b, '"')
}

// appendEscaped is r as \uXXXX, or as a surrogate pair of two (RFC 8259 section 7).
func appendEscaped(b []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	unit := func(v rune) {
		b = append(b, '\\', 'u', digits[v>>12&15], digits[v>>8&15], digits[v>>4&15], digits[v&15])
	}
	if r > 0xffff {
		r -= 0x10000
		unit(0xd800 + r>>10)
		unit(0xdc00 + r&0x3ff)
		return b
	}
	unit(r)
	return b
}

// plainASCII escapes what encoding/json leaves as it is: DEL and everything
// beyond ASCII, which can stand inside strings alone.
func plainASCII(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for len(data) > 0 {
		if data[0] < 0x7f {
			out = append(out, data[0])
			data = data[1:]
			continue
		}
		r, n := utf8.DecodeRune(data)
		out = appendEscaped(out, r)
		data = data[n:]
	}
	return out
}

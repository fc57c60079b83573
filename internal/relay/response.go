package relay

import "bytes"

// response is what relay itself learns from a reply's head.
type response struct {
	minor   int
	conn    options
	upgrade []byte
}

// parseResponse reads one reply head from the start of p. n is its length with the
// empty line, 0 while it is incomplete; ok is false for a reply that could be read
// in two ways. Framing is what the fields say: a reply to HEAD, 1xx, 204 and 304
// have no body all the same (RFC 9112 section 6.3).
func parseResponse(p []byte, h *ReplyHead, r *response, maxFields int) (n int, ok bool) {
	*r = response{}
	end := bytes.IndexByte(p, '\n')
	if end < 0 {
		return 0, true
	}
	if !parseStatusLine(p[:end+1], h, r) {
		return 0, false
	}
	h.Fields, h.Add = h.Fields[:0], nil
	h.Framing, h.Length = UntilClose, 0
	var s replyState
	n = end + 1
	for {
		end = bytes.IndexByte(p[n:], '\n')
		if end < 0 {
			return 0, true
		}
		line := p[n : n+end+1]
		n += end + 1
		if len(line) < 2 || line[len(line)-2] != '\r' {
			return 0, false
		}
		if len(line) == 2 {
			break
		}
		if len(h.Fields) == maxFields {
			return 0, false
		}
		f, ok := parseField(line[:len(line)-2])
		if !ok {
			return 0, false
		}
		if k := kindOf(f.Name); k != kindOther && !s.field(k, &f, r) {
			return 0, false
		}
		h.Fields = append(h.Fields, f)
	}
	switch {
	case s.chunked && (s.lengths > 0 || r.minor == 0):
		return 0, false
	case s.chunked:
		h.Framing = Chunked
	case s.lengths > 0:
		h.Framing, h.Length = Length, s.length
	}
	if r.conn.named {
		dropNamed(h.Fields)
	}
	return n, true
}

// parseStatusLine reads HTTP/1.x SP 3DIGIT [SP reason] CRLF. The blank before an
// empty reason is missing often enough to be tolerated.
func parseStatusLine(line []byte, h *ReplyHead, r *response) bool {
	if len(line) < 14 || line[len(line)-2] != '\r' {
		return false
	}
	line = line[:len(line)-2]
	switch string(line[:9]) {
	case "HTTP/1.1 ":
		r.minor = 1
	case "HTTP/1.0 ":
		r.minor = 0
	default:
		return false
	}
	a, b, c := line[9], line[10], line[11]
	if a < '1' || a > '5' || !isDigit(b) || !isDigit(c) {
		return false
	}
	h.Status = int(a-'0')*100 + int(b-'0')*10 + int(c-'0')
	h.Reason = nil
	if len(line) > 12 {
		if line[12] != ' ' || !all(line[13:], classValue) {
			return false
		}
		h.Reason = line[13:]
	}
	return true
}

type replyState struct {
	length    int64
	lengths   int
	chunked   bool
	encodings int
}

// field takes one of relay's fields in a reply and marks it. Equal lengths are one
// length; two different ones, or two encodings, are not a reply.
func (s *replyState) field(k kind, f *Field, r *response) bool {
	f.Drop = true
	switch k {
	case kindConnection:
		return r.conn.add(f.Value)
	case kindLength:
		n, ok := decimal(f.Value)
		if s.lengths++; !ok || s.lengths > 1 && n != s.length {
			return false
		}
		s.length = n
	case kindEncoding:
		if s.encodings++; s.encodings > 1 || !sameWord(f.Value, "chunked") {
			return false
		}
		s.chunked = true
	case kindUpgrade:
		r.upgrade = f.Value
	case kindSocketKey, kindSocketVersion:
		f.Drop = false
	}
	return true
}

package relay

import "bytes"

// lineScan finds the end of a head that comes in pieces, each byte looked at once.
type lineScan struct {
	from  int // scanned so far
	line  int // start of the current line
	lines int // complete lines
}

// scan goes on in b, which begins where the head does. ok is false at a bare LF.
func (s *lineScan) scan(b []byte) (end, ok bool) {
	for {
		i := bytes.IndexByte(b[s.from:], '\n')
		if i < 0 {
			s.from = len(b)
			return false, true
		}
		i += s.from
		s.from = i + 1
		if i == s.line || b[i-1] != '\r' {
			return false, false
		}
		if i == s.line+1 {
			return true, true
		}
		s.line = i + 1
		s.lines++
	}
}

// plausible reports whether p can be part of a head at all. It is asked about heads
// that came in pieces only, so that whoever speaks another protocol (TLS, say) to
// us learns it at once and not when the header timeout ends.
func plausible(p []byte) bool {
	for _, c := range p {
		if c < 0x20 && c != '\r' && c != '\n' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

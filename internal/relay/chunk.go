package relay

import "bytes"

// chunks follows chunked framing (RFC 9112 section 7.1) without changing it. Line
// ends are CRLF, sizes are 1 to 16 hex digits. A request has no chunk extensions
// and no padding: nobody sends them but attackers. A reply may have both, bounded.
type chunks struct {
	lenient bool // a reply
	state   chunkState
	digits  int
	left    int64 // bytes of data
	line    int   // length of the size line so far
	excess  int64
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkPad             // blanks after the size
	chunkExt
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	chunkTrailer // what follows is the trailer section
)

const (
	longestChunkLine = 256
	// mostExcess bounds framing that carries no data, as net/http does: a stream
	// of one-byte chunks with long extensions is an attack on whoever reads it.
	mostExcess = 16 << 10
)

// step consumes a run of framing or a run of data from p. It stops at the trailer
// section.
func (c *chunks) step(p []byte) (n int, data, ok bool) {
	if c.state == chunkData && len(p) > 0 {
		n = len(p)
		if int64(n) >= c.left {
			n = int(c.left)
			c.state = chunkDataCR
		}
		c.left -= int64(n)
		return n, true, true
	}
	for n < len(p) && c.state != chunkData && c.state != chunkTrailer {
		if !c.framing(p[n]) {
			return n, false, false
		}
		n++
	}
	return n, false, true
}

func (c *chunks) framing(b byte) bool {
	c.line++
	switch c.state {
	case chunkSize:
		if classes[b]&classHex != 0 {
			c.digits++
			if c.digits > 16 || c.left >= 1<<57 {
				return false
			}
			c.left = c.left<<4 | int64(unhex(b))
			return true
		}
		if c.digits == 0 {
			return false
		}
		return c.sizeEnd(b)
	case chunkPad, chunkExt:
		return c.sizeEnd(b)
	case chunkSizeLF:
		if b != '\n' {
			return false
		}
		c.excess = max(0, c.excess+int64(c.line)-16-2*min(c.left, 1<<40))
		if c.excess > mostExcess {
			return false
		}
		c.state = chunkData
		if c.left == 0 {
			c.state = chunkTrailer
		}
	case chunkDataCR:
		c.state = chunkDataLF
		return b == '\r'
	case chunkDataLF:
		lenient, excess := c.lenient, c.excess
		*c = chunks{lenient: lenient, excess: excess}
		return b == '\n'
	}
	return true
}

func (c *chunks) sizeEnd(b byte) bool {
	switch {
	case b == '\r':
		c.state = chunkSizeLF
		return true
	case !c.lenient || c.line > longestChunkLine:
		return false
	case c.state == chunkExt:
		return classes[b]&classValue != 0
	case b == ' ' || b == '\t':
		c.state = chunkPad
		return true
	case b == ';' && c.state == chunkSize:
		// A blank before the semicolon is grammar, but some readers refuse it,
		// net/http among them.
		c.state = chunkExt
		return true
	}
	return false
}

const (
	mostTrailers   = 64
	longestTrailer = 16 << 10
)

// parseTrailer reads a trailer section with its empty line from the start of p. n
// is 0 while it is incomplete. Forbidden fields are marked Drop.
func parseTrailer(p []byte, fields []Field) (out []Field, n int, ok bool) {
	for {
		end := bytes.IndexByte(p[n:], '\n')
		if end < 0 {
			return fields, 0, len(p) < longestTrailer
		}
		line := p[n : n+end+1]
		n += end + 1
		if len(line) < 2 || line[len(line)-2] != '\r' || n > longestTrailer {
			return fields, 0, false
		}
		if len(line) == 2 {
			return fields, n, true
		}
		f, ok := parseField(line[:len(line)-2])
		if !ok || len(fields) == mostTrailers {
			return fields, 0, false
		}
		f.Drop = forbiddenTrailer(f.Name)
		fields = append(fields, f)
	}
}

// appendFields writes the fields that are not dropped.
func appendFields(b []byte, fields []Field) []byte {
	for i := range fields {
		if f := &fields[i]; !f.Drop {
			b = append(b, f.Name...)
			b = append(b, ": "...)
			b = append(b, f.Value...)
			b = append(b, "\r\n"...)
		}
	}
	return b
}

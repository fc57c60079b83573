package relay

import (
	"bytes"
	"strconv"
)

// form is how a reply's body reaches the client.
type form uint8

const (
	formPlain   form = iota // as it came, framing included
	formChunked             // ended with the connection; chunked now, so that a break shows
	formRaw                 // to an HTTP/1.0 client: the data alone, ended by the connection
)

// Room that frame needs before and behind the data: eight hex digits and CRLF.
const (
	frameHead = 10
	frameTail = 2
)

// mover follows a reply's framing and translates it where the client needs that.
type mover struct {
	framing Framing
	form    form
	framed  bool // the end is in the framing: the connection can go on
	left    int64
	chunks  chunks
	section []byte // the trailer section, while it comes and until it is sent
	done    bool
}

func (m *mover) begin(framing Framing, length int64, bodyless bool, minor int) {
	*m = mover{framing: framing, left: length, framed: framing != UntilClose, chunks: chunks{lenient: true}}
	switch {
	case bodyless:
		m.framing, m.framed, m.done = NoBody, true, true
	case framing == Length:
		m.done = length == 0
	case minor == 0:
		m.form = formRaw
	case framing == UntilClose:
		m.form = formChunked
	}
}

// feed follows p. The first n bytes of p, possibly moved together, go to the client;
// used belong to the body.
func (m *mover) feed(p []byte) (n, used int, ok bool) {
	switch {
	case m.done:
		return 0, 0, true
	case m.framing == UntilClose:
		return len(p), len(p), true
	case m.framing == Length:
		n = int(min(int64(len(p)), m.left))
		m.left -= int64(n)
		m.done = m.left == 0
		return n, n, true
	}
	for used < len(p) && m.chunks.state != chunkTrailer {
		k, data, ok := m.chunks.step(p[used:])
		if !ok {
			return n, used, false
		}
		if m.form == formPlain {
			n += k
		} else if data {
			n += copy(p[n:], p[used:used+k])
		}
		used += k
	}
	if m.chunks.state != chunkTrailer || used == len(p) {
		return n, used, true
	}
	return m.trailer(p, n, used)
}

// trailer takes the section behind the last chunk.
func (m *mover) trailer(p []byte, n, used int) (int, int, bool) {
	if len(m.section) == 0 && bytes.HasPrefix(p[used:], []byte("\r\n")) {
		m.done = true
		if m.form == formPlain {
			n += 2
		}
		return n, used + 2, true
	}
	before := len(m.section)
	m.section = append(m.section, p[used:]...)
	if bytes.IndexByte(p[used:], '\n') < 0 {
		return n, len(p), len(m.section) < longestTrailer
	}
	_, size, ok := parseTrailer(m.section, make([]Field, 0, 8))
	if size == 0 {
		return n, len(p), ok
	}
	m.done = true
	m.section = m.section[:size]
	return n, used + size - before, true
}

// frame puts the framing around n bytes at buf[frameHead:].
func (m *mover) frame(buf []byte, n int) []byte {
	if m.form != formChunked || n == 0 {
		return buf[frameHead : frameHead+n]
	}
	var digits [frameHead]byte
	head := append(strconv.AppendInt(digits[:0], int64(n), 16), "\r\n"...)
	start := frameHead - len(head)
	copy(buf[start:], head)
	copy(buf[frameHead+n:], "\r\n")
	return buf[start : frameHead+n+frameTail]
}

// append appends p in the client's framing.
func (m *mover) append(out, p []byte) []byte {
	if m.form != formChunked || len(p) == 0 {
		return append(out, p...)
	}
	out = append(strconv.AppendInt(out, int64(len(p)), 16), "\r\n"...)
	return append(append(out, p...), "\r\n"...)
}

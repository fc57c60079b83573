package relay

import "bytes"

// verdict is why a head is refused; the zero value is none. It is a value, so that
// refusing allocates nothing.
type verdict struct {
	status int
	reason string
}

func (v verdict) bad() bool { return v.status != 0 }

// longestMethod bounds a method; the longest registered one has 17 letters.
const longestMethod = 32

// request is what relay itself learns from a request's head.
type request struct {
	conn   options
	expect bool // 100-continue is wanted
}

// parseRequest reads one head from the start of p. n is its length with the empty
// line, 0 while it is incomplete. h's slices point into p.
func parseRequest(p []byte, h *Head, r *request, maxFields int) (n int, v verdict) {
	*r = request{}
	end := bytes.IndexByte(p, '\n')
	if end < 0 {
		return 0, verdict{}
	}
	if v = parseRequestLine(p[:end+1], h); v.bad() {
		return 0, v
	}
	h.Fields = h.Fields[:0]
	h.Framing, h.Length, h.Host, h.Upgrade = NoBody, 0, nil, nil
	s := fieldState{request: true, minor: h.Minor}
	n = end + 1
	for {
		end = bytes.IndexByte(p[n:], '\n')
		if end < 0 {
			return 0, verdict{}
		}
		line := p[n : n+end+1]
		n += end + 1
		if len(line) < 2 || line[len(line)-2] != '\r' {
			return 0, verdict{400, ReasonField}
		}
		if len(line) == 2 {
			break
		}
		if len(h.Fields) == maxFields {
			return 0, verdict{431, ReasonHeaderLarge}
		}
		f, ok := parseField(line[:len(line)-2])
		if !ok {
			return 0, verdict{400, ReasonField}
		}
		if k := kindOf(f.Name); k != kindOther {
			if v = s.field(k, &f); v.bad() {
				return 0, v
			}
		}
		h.Fields = append(h.Fields, f)
	}
	return n, s.finish(h, r)
}

// parseRequestLine reads METHOD SP target SP version CRLF.
func parseRequestLine(line []byte, h *Head) verdict {
	if len(line) < 2 || line[len(line)-2] != '\r' {
		return verdict{400, ReasonRequestLine}
	}
	line = line[:len(line)-2]
	i := bytes.IndexByte(line, ' ')
	if i <= 0 || !isToken(line[:i]) {
		return verdict{400, ReasonRequestLine}
	}
	h.Method = line[:i]
	line = line[i+1:]
	i = bytes.IndexByte(line, ' ')
	if i < 0 {
		return verdict{400, ReasonRequestLine}
	}
	h.Target = line[:i]
	switch version := string(line[i+1:]); {
	case version == "HTTP/1.1":
		h.Minor = 1
	case version == "HTTP/1.0":
		h.Minor = 0
	case len(version) == 8 && version[:5] == "HTTP/" && isDigit(version[5]) && version[6] == '.' && isDigit(version[7]):
		return verdict{505, ReasonVersion}
	default:
		return verdict{400, ReasonRequestLine}
	}
	switch {
	case len(h.Method) > longestMethod:
		return verdict{501, ReasonMethod}
	case string(h.Method) == "CONNECT":
		return verdict{405, ReasonMethod}
	case !checkTarget(h.Target):
		return verdict{400, ReasonTarget}
	}
	return verdict{}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// fieldState collects what the fields of one head say about framing and routing.
type fieldState struct {
	request bool
	minor   int
	conn    options

	host           []byte
	hosts          int
	length         int64
	lengths        int
	chunked        bool
	encodings      int
	expect         bool
	upgrade        []byte
	upgrades       int
	keys, versions int
}

// field takes one of relay's fields in a request and marks it.
func (s *fieldState) field(k kind, f *Field) verdict {
	f.Drop = true
	switch k {
	case kindHost:
		if s.hosts++; s.hosts > 1 || !checkHost(f.Value) {
			return verdict{400, ReasonHost}
		}
		s.host = f.Value
	case kindConnection:
		if !s.conn.add(f.Value) {
			return verdict{400, ReasonField}
		}
	case kindLength:
		n, ok := decimal(f.Value)
		if s.lengths++; s.lengths > 1 || !ok {
			return verdict{400, ReasonFraming}
		}
		s.length = n
	case kindEncoding:
		if s.encodings++; s.encodings > 1 || s.minor == 0 || !sameWord(f.Value, "chunked") {
			return verdict{400, ReasonFraming}
		}
		s.chunked = true
	case kindExpect:
		if !sameWord(f.Value, "100-continue") {
			return verdict{417, ReasonExpect}
		}
		s.expect = s.minor > 0 // RFC 9110 section 10.1.1: HTTP/1.0 cannot ask for it
	case kindUpgrade:
		s.upgrades++
		s.upgrade = f.Value
	case kindSocketKey:
		f.Drop = false
		s.keys++
	case kindSocketVersion:
		f.Drop = false
		if string(f.Value) == "13" {
			s.versions++
		} else {
			s.versions = 2
		}
	}
	return verdict{}
}

// finish decides on framing and upgrade once every field is known.
func (s *fieldState) finish(h *Head, r *request) verdict {
	switch {
	case s.hosts == 0:
		return verdict{400, ReasonHost}
	case s.chunked && s.lengths > 0:
		return verdict{400, ReasonFraming}
	case s.chunked:
		h.Framing = Chunked
	case s.lengths > 0:
		h.Framing, h.Length = Length, s.length
	}
	h.Host = s.host
	r.conn = s.conn
	r.expect = s.expect && (h.Framing == Chunked || h.Length > 0)
	if s.conn.named {
		dropNamed(h.Fields)
	}
	// RFC 6455 section 4.1; everything else in Upgrade is ignored, as RFC 9110
	// section 7.8 allows.
	if s.conn.upgrade && s.upgrades == 1 && s.keys == 1 && s.versions == 1 && s.minor == 1 &&
		h.Framing == NoBody && string(h.Method) == "GET" && sameWord(s.upgrade, "websocket") {
		h.Upgrade = s.upgrade
	}
	return verdict{}
}

package relay

// checkTarget accepts an origin-form target (RFC 9112 section 3.2.1) that every
// server behind us reads in the same way. Escapes are looked at once, as a server
// would: dot segments, raw, encoded, hidden behind %2F, %5C or path parameters,
// and encoded control bytes are refused; other escapes (%2F, %3A, %253A) pass. The
// query is opaque but for its characters.
func checkTarget(t []byte) bool {
	if len(t) == 0 || t[0] != '/' {
		return false
	}
	if len(t) > 1 && t[1] == '/' {
		return false // would name a host if it were resolved as a reference
	}
	var seg pathSegment
	for i := 1; i < len(t); i++ {
		c := t[i]
		if c == '?' {
			return seg.end() && all(t[i+1:], classQuery)
		}
		if classes[c]&classPath == 0 {
			return false
		}
		if c == '%' {
			if i+2 >= len(t) || classes[t[i+1]]&classHex == 0 || classes[t[i+2]]&classHex == 0 {
				return false
			}
			c = unhex(t[i+1])<<4 | unhex(t[i+2])
			if c < 0x20 || c == 0x7f {
				return false
			}
			i += 2
		}
		if !seg.add(c) {
			return false
		}
	}
	return seg.end()
}

// pathSegment follows one path segment: how many dots it has so far, and whether it
// has anything else before its parameters.
type pathSegment struct {
	dots  int
	other bool
	param bool
}

func (s *pathSegment) add(c byte) bool {
	switch {
	case c == '/' || c == '\\':
		ok := s.end()
		*s = pathSegment{}
		return ok
	case s.param:
	case c == ';':
		s.param = true
	case c == '.':
		s.dots++
	default:
		s.other = true
	}
	return true
}

func (s *pathSegment) end() bool { return s.other || s.dots != 1 && s.dots != 2 }

// checkHost accepts a host with an optional port (RFC 9110 section 7.2): a name or
// IPv4 address of letters, digits and - . _ ~, or an IPv6 literal in brackets.
func checkHost(h []byte) bool {
	if len(h) == 0 || len(h) > 270 {
		return false
	}
	rest := h
	if h[0] == '[' {
		i := 1
		for i < len(h) && h[i] != ']' {
			if c := h[i]; classes[c]&classHex == 0 && c != ':' && c != '.' {
				return false
			}
			i++
		}
		if i >= len(h) || i < 3 {
			return false
		}
		rest = h[i+1:]
	} else {
		i := 0
		for i < len(h) && h[i] != ':' {
			if classes[h[i]]&classHost == 0 {
				return false
			}
			i++
		}
		if i == 0 {
			return false
		}
		rest = h[i:]
	}
	if len(rest) == 0 {
		return true
	}
	if rest[0] != ':' || len(rest) < 2 || len(rest) > 6 {
		return false
	}
	port := 0
	for _, c := range rest[1:] {
		if c < '0' || c > '9' {
			return false
		}
		port = port*10 + int(c-'0')
	}
	return port <= 65535
}

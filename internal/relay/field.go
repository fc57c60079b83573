package relay

import "bytes"

// kind says whose a field is.
type kind uint8

const (
	kindOther kind = iota // end to end
	kindHost              // framing and routing: relay reads it and writes its own
	kindConnection
	kindLength
	kindEncoding // Transfer-Encoding
	kindExpect
	kindUpgrade
	kindHop       // hop-by-hop: dropped
	kindSocketKey // end to end, but looked at in a handshake
	kindSocketVersion
)

// kindOf classifies a field name. A name that becomes one of relay's only when _
// is read as - is dropped and never honoured.
//
// RFC 9110 section 7.6.1 names the hop-by-hop fields; Proxy-Authorization and
// Proxy-Authenticate (section 11.7) are for the next hop alone, which is us.
func kindOf(name []byte) kind {
	k := kindFolded(name)
	if k != kindOther && bytes.IndexByte(name, '_') >= 0 {
		return kindHop
	}
	return k
}

func kindFolded(name []byte) kind {
	switch len(name) {
	case 2:
		if sameName(name, "te") {
			return kindHop
		}
	case 4:
		if sameName(name, "host") {
			return kindHost
		}
	case 6:
		if sameName(name, "expect") {
			return kindExpect
		}
	case 7:
		if sameName(name, "upgrade") {
			return kindUpgrade
		}
		if sameName(name, "trailer") {
			return kindHop
		}
	case 10:
		if sameName(name, "connection") {
			return kindConnection
		}
		if sameName(name, "keep-alive") {
			return kindHop
		}
	case 14:
		if sameName(name, "content-length") {
			return kindLength
		}
		if sameName(name, "http2-settings") {
			return kindHop
		}
	case 16:
		if sameName(name, "proxy-connection") {
			return kindHop
		}
	case 17:
		if sameName(name, "transfer-encoding") {
			return kindEncoding
		}
		if sameName(name, "sec-websocket-key") {
			return kindSocketKey
		}
	case 18:
		if sameName(name, "proxy-authenticate") {
			return kindHop
		}
	case 19:
		if sameName(name, "proxy-authorization") {
			return kindHop
		}
	case 21:
		if sameName(name, "sec-websocket-version") {
			return kindSocketVersion
		}
	case 25:
		if sameName(name, "proxy-authentication-info") {
			return kindHop
		}
	}
	return kindOther
}

// parseField splits a line without its CRLF. Whitespace before the colon, a
// leading blank (a folded line) and control bytes are errors.
func parseField(line []byte) (f Field, ok bool) {
	i := 0
	for i < len(line) && classes[line[i]]&classToken != 0 {
		i++
	}
	if i == 0 || i == len(line) || line[i] != ':' {
		return f, false
	}
	f.Name, f.Value = line[:i], trim(line[i+1:])
	return f, isValue(f.Value)
}

// options are what Connection fields say.
type options struct {
	close, keepAlive, upgrade bool
	named                     bool // nominates fields
}

// add reads one Connection value, a list of tokens.
func (o *options) add(value []byte) bool {
	for len(value) > 0 {
		var item []byte
		item, value = nextItem(value)
		switch {
		case len(item) == 0:
		case !isToken(item):
			return false
		case sameWord(item, "close"):
			o.close = true
		case sameWord(item, "keep-alive"):
			o.keepAlive = true
		case sameWord(item, "upgrade"):
			o.upgrade = true
		default:
			o.named = true
		}
	}
	return true
}

func nextItem(list []byte) (item, rest []byte) {
	if i := bytes.IndexByte(list, ','); i >= 0 {
		return trim(list[:i]), list[i+1:]
	}
	return trim(list), nil
}

// dropNamed marks the fields that Connection nominates. A set keeps hundreds of
// names times hundreds of fields from costing their product.
func dropNamed(fields []Field) {
	names := map[string]bool{}
	for i := range fields {
		if kindOf(fields[i].Name) != kindConnection {
			continue
		}
		for list := fields[i].Value; len(list) > 0; {
			var item []byte
			item, list = nextItem(list)
			names[fold(item)] = true
		}
	}
	for i := range fields {
		if names[fold(fields[i].Name)] {
			fields[i].Drop = true
		}
	}
}

func fold(name []byte) string {
	b := make([]byte, len(name))
	for i, c := range name {
		b[i] = lower(c)
	}
	return string(b)
}

// forbiddenTrailer reports whether a field may not stand in a trailer section
// (RFC 9110 section 6.5.1: framing, routing, hop-by-hop).
func forbiddenTrailer(name []byte) bool { return kindFolded(name) != kindOther }

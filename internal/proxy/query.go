package proxy

import "bytes"

// secretParameters are query parameters that carry a credential, folded like
// header names. The presigned set of AWS is matched by its prefix x-amz-.
var secretParameters = map[string]bool{
	"key": true, "api-key": true, "apikey": true, "access-token": true, "token": true, "authorization": true,
	"x-goog-api-key": true, "signature": true, "subscription-key": true,
}

// longestParameter is the length of the longest name that is looked up; longer
// ones are x-amz-* or harmless.
const longestParameter = 32

// stripQuery appends target to dst without the secret parameters of its query;
// everything else keeps its bytes and its order. It returns false, and dst as it
// was, when there is nothing to strip.
//
// A semicolon separates too: older servers, and form parsers after the HTML 4
// recommendation, take it for an ampersand.
func stripQuery(dst, target []byte) ([]byte, bool) {
	mark := bytes.IndexByte(target, '?')
	if mark < 0 || !hasSecretParameter(target[mark+1:]) {
		return dst, false
	}
	dst = append(dst, target[:mark]...)
	query, separator, first := target[mark+1:], byte('?'), true
	for more := true; more; {
		var p []byte
		var next byte
		p, query, next, more = nextParameter(query)
		if !isSecretParameter(p) {
			if first {
				separator, first = '?', false
			}
			dst = append(append(dst, separator), p...)
		}
		separator = next
	}
	return dst, true
}

func hasSecretParameter(query []byte) bool {
	for more := true; more; {
		var p []byte
		if p, query, _, more = nextParameter(query); isSecretParameter(p) {
			return true
		}
	}
	return false
}

// nextParameter splits the first parameter off a query. more is false for the last.
func nextParameter(query []byte) (p, rest []byte, separator byte, more bool) {
	for i, c := range query {
		if c == '&' || c == ';' {
			return query[:i], query[i+1:], c, true
		}
	}
	return query, nil, 0, false
}

// isSecretParameter decodes the name of NAME=VALUE once, as a server would, and
// looks it up.
func isSecretParameter(p []byte) bool {
	var buf [longestParameter]byte
	n := 0
	for i := 0; i < len(p) && p[i] != '='; i++ {
		c := p[i]
		if c == '%' && i+2 < len(p) && isHex(p[i+1]) && isHex(p[i+2]) {
			c = unhex(p[i+1])<<4 | unhex(p[i+2])
			i += 2
		}
		if n == len(buf) {
			break
		}
		buf[n] = lower(c)
		n++
	}
	name := buf[:n]
	return secretParameters[string(name)] || bytes.HasPrefix(name, []byte("x-amz-"))
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

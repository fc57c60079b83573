package proxy

import "strings"

// kind says what a request's header is to us.
type kind uint8

const (
	kindOther         kind = iota
	kindStrip              // a credential, or a place where one is smuggled
	kindAuthorization      // a credential that may be a client key, as those below
	kindKey                // x-api-key, api-key, x-goog-api-key
	kindOrigin
	kindFetchSite
	kindFetchMode
	kindReferer
	kindVersion        // anthropic-version
	kindBeta           // anthropic-beta
	kindSocketProtocol // Sec-WebSocket-Protocol
)

// stripped reports whether a header of this kind never goes upstream.
func (k kind) stripped() bool { return k == kindStrip || k == kindAuthorization || k == kindKey }

// longest is the length of the longest name in known.
const longest = 30

// known are the names with a meaning, in lower case with -, by their length: the
// table is looked at for every header of every request.
var known = [longest + 1][]struct {
	name string
	kind kind
}{
	3:  {{"via", kindStrip}},
	6:  {{"cookie", kindStrip}, {"origin", kindOrigin}},
	7:  {{"api-key", kindKey}, {"referer", kindReferer}, {"cookie2", kindStrip}},
	9:  {{"x-api-key", kindKey}, {"forwarded", kindStrip}},
	12: {{"x-auth-token", kindStrip}},
	13: {{"authorization", kindAuthorization}, {"x-rewrite-url", kindStrip}},
	14: {{"x-goog-api-key", kindKey}, {"anthropic-beta", kindBeta}, {"sec-fetch-site", kindFetchSite}, {"sec-fetch-mode", kindFetchMode},
		{"x-original-url", kindStrip}, {"x-access-token", kindStrip}},
	17: {{"anthropic-version", kindVersion}},
	19: {{"proxy-authorization", kindStrip}, {"x-goog-user-project", kindStrip}},
	22: {{"sec-websocket-protocol", kindSocketProtocol}},
	25: {{"ocp-apim-subscription-key", kindStrip}},
	30: {{"x-goog-iam-authorization-token", kindStrip}},
}

// kindOf classifies a header. more are further names to strip, folded.
func kindOf(name []byte, more []string) kind {
	if len(name) <= longest {
		for _, k := range known[len(name)] {
			if same(name, k.name) {
				return k.kind
			}
		}
	}
	// x-amzn-* (trace ids) passes.
	if len(name) > 2 && lower(name[0]) == 'x' && (hasPrefix(name, "x-amz-") || hasPrefix(name, "x-forwarded-")) {
		return kindStrip
	}
	for _, n := range more {
		if same(name, n) {
			return kindStrip
		}
	}
	return kindOther
}

// lower is c in lower case, _ as -.
func lower(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	case c == '_':
		return '-'
	}
	return c
}

// same compares a name with one that is folded already.
func same(name []byte, folded string) bool {
	if len(name) != len(folded) {
		return false
	}
	for i := range len(folded) {
		if lower(name[i]) != folded[i] {
			return false
		}
	}
	return true
}

func hasPrefix(name []byte, folded string) bool {
	return len(name) >= len(folded) && same(name[:len(folded)], folded)
}

// fold is lower for a whole string.
func fold(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "-") }

package exchange

import (
	"errors"
	"fmt"
	"strings"

	"github.com/awf-cred/awf-cred/internal/safehttp"
)

// maxID bounds an identifier; the vendors' have less than 40 characters.
const maxID = 128

// CheckEndpoint says why value is not a URL that assertions may be sent to: https,
// or http to a literal loopback address; no user name, no fragment.
func CheckEndpoint(value string) error { return safehttp.CheckEndpoint(value) }

// CheckUUID says why value is not a UUID in its usual form (RFC 9562 section 4).
func CheckUUID(value string) error {
	bad := len(value) != 36
	for i := 0; i < len(value) && !bad; i++ {
		switch i {
		case 8, 13, 18, 23:
			bad = value[i] != '-'
		default:
			bad = !isHex(value[i])
		}
	}
	if bad {
		return errors.New("is not a UUID (00000000-0000-0000-0000-000000000000)")
	}
	return nil
}

// checkPrefixed says why value is not a prefix and an id.
func checkPrefixed(value, prefix string) error {
	id, ok := strings.CutPrefix(value, prefix)
	if !ok || id == "" || len(value) > maxID || !all(id, isIDByte) {
		return fmt.Errorf("is not of the form %s…", prefix)
	}
	return nil
}

// checkAudience: an audience is any string that issuers take for a StringOrURI (RFC
// 7519 section 2), without blanks and controls.
func checkAudience(value string) error {
	if len(value) > 1024 || !all(value, func(c byte) bool { return c > ' ' && c < 0x7f }) {
		return errors.New("has a blank, a control or a non-ASCII character in it, or is too long")
	}
	return nil
}

// isDomain reports whether value is a host name of two labels or more (RFC 1123
// section 2.1).
func isDomain(value string) bool {
	labels := strings.Split(value, ".")
	if len(value) > 253 || len(labels) < 2 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || !all(l, func(c byte) bool { return isAlnum(c) || c == '-' }) {
			return false
		}
	}
	return true
}

func all(s string, is func(byte) bool) bool {
	for i := 0; i < len(s); i++ {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isAlnum(c byte) bool { return isDigit(c) || isLower(c) || isUpper(c) }
func isHex(c byte) bool   { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }
func isIDByte(c byte) bool {
	return isAlnum(c) || c == '-' || c == '_'
}

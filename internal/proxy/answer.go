package proxy

import (
	"bytes"

	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// ending are headers of an answer that stop here: they speak to a browser about an
// origin, and ours is a loopback port, or ask this proxy for a credential.
var ending = []string{"set-cookie", "set-cookie2", "alt-svc", "strict-transport-security", "clear-site-data", "proxy-authenticate"}

// cors headers would let web pages in.
const cors = "access-control-"

// editAnswer drops what ends here and hides our credential where an upstream
// echoes it in the value of a header.
func editAnswer(fields []relay.Field, c exchange.Credential) {
	for i := range fields {
		f := &fields[i]
		if f.Drop {
			continue
		}
		if endsHere(f.Name) {
			f.Drop = true
			continue
		}
		f.Value = withoutEcho(f.Value, c)
	}
}

func endsHere(name []byte) bool {
	switch lower(name[0]) {
	case 'a', 'c', 'p', 's':
	default:
		return false
	}
	for _, n := range ending {
		if len(name) == len(n) && same(name, n) {
			return true
		}
	}
	return hasPrefix(name, cors)
}

const redacted = "(redacted)"

// withoutEcho replaces every part of the credential in a value.
func withoutEcho(value []byte, c exchange.Credential) []byte {
	value = without(value, c.Token.Reveal())
	if c.AWS != nil {
		value = without(value, c.AWS.SessionToken.Reveal())
		value = without(value, c.AWS.SecretAccessKey.Reveal())
		value = without(value, c.AWS.AccessKeyID.Reveal())
	}
	return value
}

func without(value []byte, part string) []byte {
	// Nearly every value is shorter than a credential.
	if part == "" || len(value) < len(part) {
		return value
	}
	if old := []byte(part); bytes.Contains(value, old) {
		return bytes.ReplaceAll(value, old, []byte(redacted))
	}
	return value
}

package identity

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/awf-cred/awf-cred/internal/jwt"
)

// digest is the hex SHA-256 of parts with their lengths before them, so that no
// two lists of parts look alike.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// subject is what names the workload in a token: two tokens of one workload have
// it in common, tokens of two workloads do not.
func subject(c jwt.Claims) []string {
	return append([]string{c.Issuer, c.Subject, strconv.Itoa(len(c.Audience))}, c.Audience...)
}

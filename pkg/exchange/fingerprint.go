package exchange

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// fingerprint is the hex SHA-256 over length-prefixed parts in the order given:
// different lists of parts never have the same preimage.
func fingerprint(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil))
}

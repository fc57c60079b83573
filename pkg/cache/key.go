package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// keyFormat begins every preimage. It changes with the format of the entries, so
// that two versions which cannot read each other's do not take turns in
// overwriting them.
const keyFormat = "awf-cred cache 1"

// keyLength is in hex digits: 128 bits, and no digest of an identity is ever
// shown whole.
const keyLength = 32

// Key names what parts describe, in their order: the fingerprints of an identity
// and of an exchange give the name of the credential that comes of them.
func Key(parts ...string) string {
	sum := sha256.Sum256(preimage(append([]string{keyFormat}, parts...)...))
	return hex.EncodeToString(sum[:])[:keyLength]
}

// preimage joins parts so that no two lists of parts give the same bytes: each
// part follows its length in bytes and a colon.
func preimage(parts ...string) []byte {
	var b []byte
	for _, part := range parts {
		b = strconv.AppendInt(b, int64(len(part)), 10)
		b = append(b, ':')
		b = append(b, part...)
	}
	return b
}

// ShortKey is the part of a key that may be shown.
func ShortKey(key string) string { return key[:min(len(key), 12)] }

// checkKey refuses what cannot be a file name of ours.
func checkKey(key string) error {
	if key == "" || len(key) > 64 {
		return storageError("key", errBadKey)
	}
	for i := range len(key) {
		if c := key[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return storageError("key", errBadKey)
		}
	}
	return nil
}

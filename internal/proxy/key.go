package proxy

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"sync/atomic"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

// The length of a client key.
const (
	MinKey = 16
	MaxKey = 256
)

// Key is the client key that a listener demands. It is safe for concurrent use;
// Set replaces it for requests that begin from then on.
//
// What is kept is its digest: comparing digests takes the same time whatever the
// guess has in common with the key, its length included.
type Key struct {
	digest atomic.Pointer[[sha256.Size]byte]
}

// NewKey returns a key; see [CheckKey] for its form.
func NewKey(v secret.Value) (*Key, error) {
	k := &Key{}
	return k, k.Set(v)
}

// Set replaces the key.
func (k *Key) Set(v secret.Value) error {
	text := v.Reveal()
	if err := CheckKey(text); err != nil {
		return err
	}
	d := sha256.Sum256([]byte(text))
	k.digest.Store(&d)
	return nil
}

// CheckKey reports what is wrong with the form of a client key, without the key.
func CheckKey(s string) error {
	if len(s) < MinKey || len(s) > MaxKey {
		return errors.New("a client key has 16 to 256 characters")
	}
	for i := range len(s) {
		if !isKeyByte(s[i]) {
			return errors.New("a client key is made of letters, digits and . _ ~ -")
		}
	}
	return nil
}

func isKeyByte(c byte) bool {
	switch c {
	case '.', '_', '~', '-':
		return true
	}
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// is reports whether guess is the key.
func (k *Key) is(guess []byte) bool {
	if len(guess) < MinKey || len(guess) > MaxKey {
		return false
	}
	d := sha256.Sum256(guess)
	return subtle.ConstantTimeCompare(d[:], k.digest.Load()[:]) == 1
}

// firstSegment is the first segment of a path and what follows it: the rest begins
// with / or ?, or is empty.
func firstSegment(target []byte) (segment, rest []byte) {
	end := 1
	for end < len(target) && target[end] != '/' && target[end] != '?' {
		end++
	}
	return target[min(1, len(target)):end], target[end:]
}

// inPath looks for the key as the first segment of the path, because some clients
// send no header at all, and returns the target without it.
func (k *Key) inPath(target []byte) (rest []byte, ok bool) {
	segment, rest := firstSegment(target)
	if !k.is(segment) {
		return target, false
	}
	switch {
	case len(rest) == 0:
		return []byte("/"), true
	case rest[0] == '?':
		return append([]byte("/"), rest...), true
	}
	return rest, true
}

// inAuthorization reports whether the value of Authorization shows the key, as a
// bearer token or as the password of Basic.
func (k *Key) inAuthorization(value []byte) bool {
	scheme, rest, ok := bytes.Cut(value, []byte(" "))
	if !ok {
		return false
	}
	switch {
	case equalFold(scheme, "bearer"):
		return k.is(rest)
	case equalFold(scheme, "basic"):
		var buf [1024]byte
		if base64.StdEncoding.DecodedLen(len(rest)) > len(buf) {
			return false
		}
		n, err := base64.StdEncoding.Decode(buf[:], rest)
		if err != nil {
			return false
		}
		_, password, ok := bytes.Cut(buf[:n], []byte(":"))
		return ok && k.is(password)
	}
	return false
}

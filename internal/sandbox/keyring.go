package sandbox

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // x5t is defined over SHA-1 (RFC 7515 section 4.1.7)
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// Making an RSA key takes longer than most tests, so that all sandboxes of a
// process share two: one that is published and one that never is.
var (
	issuerKey  = sync.OnceValue(newRSAKey)
	foreignKey = sync.OnceValue(newRSAKey)
)

func newRSAKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // the system's generator does not fail
	}
	return key
}

// signingKey is a private key and the header fields that name it.
type signingKey struct {
	kid, x5t string
	alg      jose.SignatureAlgorithm
	private  crypto.Signer
}

// keyring is what the issuer signs with and publishes.
type keyring struct {
	mu   sync.Mutex
	keys []signingKey
}

// newKeyring has an RSA key, which signs like GitHub's, and three for ES256,
// ES384 and ES512.
func newKeyring() *keyring {
	k := &keyring{keys: []signingKey{name(jose.RS256, issuerKey())}}
	for alg, curve := range map[jose.SignatureAlgorithm]elliptic.Curve{
		jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384(), jose.ES512: elliptic.P521(),
	} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			panic(err)
		}
		k.keys = append(k.keys, name(alg, key))
	}
	return k
}

func name(alg jose.SignatureAlgorithm, key crypto.Signer) signingKey {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	sum := sha1.Sum(der)
	return signingKey{
		kid: strings.ToUpper(hex.EncodeToString(sum[:])), x5t: base64.RawURLEncoding.EncodeToString(sum[:]),
		alg: alg, private: key,
	}
}

// signer is the newest key for the algorithm; RSA keys sign RS* and PS*.
func (k *keyring) signer(alg jose.SignatureAlgorithm) (signingKey, bool) {
	if strings.HasPrefix(string(alg), "RS") || strings.HasPrefix(string(alg), "PS") {
		alg = jose.RS256
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := len(k.keys) - 1; i >= 0; i-- {
		if k.keys[i].alg == alg {
			return k.keys[i], true
		}
	}
	return signingKey{}, false
}

// public is the published key of that id.
func (k *keyring) public(kid string) (crypto.PublicKey, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range k.keys {
		if key.kid == kid {
			return key.private.Public(), true
		}
	}
	return nil, false
}

// set is the JWKS document.
func (k *keyring) set() jose.JSONWebKeySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	var set jose.JSONWebKeySet
	for _, key := range k.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{
			Key: key.private.Public(), KeyID: key.kid, Algorithm: string(key.alg), Use: "sig"})
	}
	return set
}

// RotateKey makes the issuer sign with a new RSA key. With keep the old one
// stays published, so that tokens signed with it remain good.
func (s *Sandbox) RotateKey(keep bool) {
	fresh := name(jose.RS256, newRSAKey())
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	if !keep {
		s.keys.keys = slices.DeleteFunc(s.keys.keys, func(k signingKey) bool { return k.alg == jose.RS256 })
	}
	s.keys.keys = append(s.keys.keys, fresh)
}

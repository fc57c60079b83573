package sandbox

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Token says how an identity token departs from one that the mint endpoint
// would give. The zero value is a good token for the first job with GitHub's
// default audience.
type Token struct {
	Job      *Job   // nil means the first
	Audience string // empty means the URL of the repository's owner
	// Claims are added, and replace claims of the same name; a nil value removes
	// the claim.
	Claims map[string]any
	// Header does the same for the header.
	Header map[string]any
	// Alg is RS256 if empty. "none" leaves the signature empty, and HS256 signs
	// with the published key's PEM text as the secret, which is the classic
	// confusion of algorithms.
	Alg string
	// WrongKey signs with a key that is not published, under the id of one that is.
	WrongKey bool
	// Pad adds a claim of that many bytes.
	Pad int
}

// MintToken makes any token, good or bad, without a request to the mint
// endpoint: for files, variables, and what a vendor must refuse.
func (s *Sandbox) MintToken(t Token) string {
	if t.Job == nil {
		t.Job = s.Job()
	}
	claims := t.Job.claims(t.Audience)
	override(claims, t.Claims)
	if t.Pad > 0 {
		claims["pad"] = strings.Repeat("x", t.Pad)
	}
	token, err := s.sign(t, claims)
	if err != nil {
		panic(fmt.Sprintf("sandbox: sign a token: %v", err)) // a mistake in the test that asked
	}
	if jti, ok := claims["jti"].(string); ok {
		s.mu.Lock()
		s.minted[jti] = t.Job.Name
		s.mu.Unlock()
	}
	return token
}

func (s *Sandbox) sign(t Token, claims map[string]any) (string, error) {
	if t.Alg == "" {
		t.Alg = string(jose.RS256)
	}
	named, known := s.keys.signer(jose.SignatureAlgorithm(t.Alg))
	if !known {
		named, _ = s.keys.signer(jose.RS256)
	}
	header := map[string]any{"typ": "JWT", "alg": t.Alg, "kid": named.kid, "x5t": named.x5t}
	override(header, t.Header)
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	if t.Alg == "none" {
		return unsigned(header, payload)
	}
	var key any = named.private
	switch {
	case t.Alg == string(jose.HS256):
		if key, err = x509.MarshalPKIXPublicKey(named.private.Public()); err != nil {
			return "", err
		}
	case t.WrongKey:
		key = foreignKey()
	}
	options := &jose.SignerOptions{}
	for name, value := range header {
		if name != "alg" {
			options.WithHeader(jose.HeaderKey(name), value)
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(t.Alg), Key: key}, options)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

func unsigned(header map[string]any, payload []byte) (string, error) {
	h, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	return enc.EncodeToString(h) + "." + enc.EncodeToString(payload) + ".", nil
}

// Package jwt reads the claims of a JSON Web Token (RFC 7519) in compact form
// (RFC 7515 section 7.1) without verifying the signature: for messages, for the
// expiry, and to refuse what no provider would take before it is sent anywhere.
//
// Nothing read here is proof of anything. The provider verifies.
//
// All errors are *[Error] and name the claim or part at fault; none holds the
// token or a value out of it.
package jwt

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/strictjson"
)

// MaxBytes bounds a token. Anthropic refuses an assertion above 16 KiB (WIF
// reference, "Assertion requirements"); no issuer comes near it.
const MaxBytes = 16 << 10

// Leeway is how far clocks may be apart before a token counts as expired or not
// yet valid.
const Leeway = 60 * time.Second

// Claims is what a token says. A time is zero, a string empty when its claim is
// absent.
type Claims struct {
	Issuer    string
	Subject   string
	Audience  []string // one entry when the claim is a string
	ID        string   // jti
	IssuedAt  time.Time
	NotBefore time.Time
	ExpiresAt time.Time

	KeyID     string // kid of the header
	Algorithm string // alg of the header

	// All is the whole payload, for `mint --format json` and for hints.
	All strictjson.Map
}

// Parse reads a token. exp must be present; other claims may be absent, but not of
// another type.
func Parse(token string) (Claims, error) {
	if len(token) > MaxBytes {
		return Claims{}, &Error{Part: "token", Problem: fmt.Sprintf("has %d bytes, %d more than the %d allowed",
			len(token), len(token)-MaxBytes, MaxBytes)}
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Claims{}, &Error{Part: "token", Problem: fmt.Sprintf("is not a JWT: three parts with dots between them are expected, not %d", len(parts))}
	}
	header, err := segment("header", parts[0])
	if err != nil {
		return Claims{}, err
	}
	payload, err := segment("payload", parts[1])
	if err != nil {
		return Claims{}, err
	}
	if _, err := decode(parts[2]); err != nil {
		return Claims{}, &Error{Part: "signature", Problem: "is not base64url"}
	}
	return read(header, payload)
}

func segment(part, s string) (strictjson.Map, error) {
	raw, err := decode(s)
	if err != nil {
		return nil, &Error{Part: part, Problem: "is not base64url"}
	}
	m, err := strictjson.Object(raw)
	if err != nil {
		return nil, &Error{Part: part, Problem: err.Error()}
	}
	return m, nil
}

// decode is strict: no padding, no line ends, no bits left over.
func decode(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") { // encoding/base64 skips them
		return nil, base64.CorruptInputError(0)
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

// JTI returns the hex SHA-256 of the jti, empty when there is none: what ledger
// and audit line know of it.
func (c Claims) JTI() string {
	if c.ID == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(c.ID))
	return hex.EncodeToString(sum[:])
}

// Check refuses a token that is expired or not yet valid at now, by more than the
// leeway.
func (c Claims) Check(now time.Time, leeway time.Duration) error {
	if late := now.Sub(c.ExpiresAt); late >= leeway {
		return &Error{Part: "exp", By: late, Problem: fmt.Sprintf("the token expired %s ago, at %s",
			amount(late), stamp(c.ExpiresAt))}
	}
	if early := c.NotBefore.Sub(now); !c.NotBefore.IsZero() && early > leeway {
		return &Error{Part: "nbf", By: early, Problem: fmt.Sprintf("the token is not valid for another %s, until %s",
			amount(early), stamp(c.NotBefore))}
	}
	return nil
}

// CheckAudience refuses a token that was not made for audience.
func (c Claims) CheckAudience(audience string) error {
	if slices.Contains(c.Audience, audience) {
		return nil
	}
	return &Error{Part: "aud", Problem: fmt.Sprintf("the token is for %s, not for %q", list(c.Audience), audience)}
}

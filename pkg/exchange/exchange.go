// Package exchange turns an assertion, the JWT of a workload, into a short-lived
// credential of a provider. There is one file for each provider's wire:
// parameters, request, response, hints.
//
// One call of Exchange sends the assertion at most once. It is never repeated
// here: a retry begins with a new assertion, and that is the token source's work
// (package tokensource). All errors are *[Error].
//
// Exchangers are safe for concurrent use.
package exchange

import (
	"net/http"
	"time"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

// Doer sends one request. The product passes the hardened client of
// internal/safehttp; its errors say whether a byte of the request was written.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Assertion is the JWT presented in an exchange. RFC 8693 calls it the subject
// token, its issuer an identity token.
type Assertion struct {
	Token secret.Value
	// ID is the hex SHA-256 of the jti claim, empty when there is none.
	ID        string
	ExpiresAt time.Time
	// Minted says that the token was made for this exchange, so that nobody else
	// can have presented it. It serves messages only.
	Minted bool
	// Only says that the source has no other while this process runs, as a variable
	// has none: to wait for one would be in vain.
	Only bool

	// What follows is not secret and serves messages only.

	Issuer   string
	Subject  string
	Audience []string
}

// Kind says what a credential is made of.
type Kind string

// The kinds of credential.
const (
	Bearer Kind = "bearer"  // a short-lived bearer token
	APIKey Kind = "api-key" // a static key: never expires, never stored
	AWS    Kind = "aws"     // an access key id, a secret key and a session token
)

// AWSKeys are the parts of a temporary AWS credential.
type AWSKeys struct {
	AccessKeyID     secret.Value
	SecretAccessKey secret.Value
	SessionToken    secret.Value
}

// Credential is what a provider grants.
type Credential struct {
	Provider string
	Kind     Kind
	Token    secret.Value // for Bearer and APIKey
	AWS      *AWSKeys     // for AWS

	// IssuedAt is local time before the request was sent, ExpiresAt is IssuedAt
	// plus the lifetime that the provider named. Both are zero for APIKey.
	IssuedAt  time.Time
	ExpiresAt time.Time

	Scope     string // as the provider answered, empty when it said nothing
	RequestID string // the provider's id of the exchange, empty when unknown

	// Warning is one line for the user about this grant, empty for none
	// (a lifetime that was clamped, for example).
	Warning string
	// NoStore is set when the provider named no lifetime: the credential may
	// be handed out once and is not cached.
	NoStore bool
}

// Lifetime is ExpiresAt minus IssuedAt, 0 for a credential that never expires.
func (c Credential) Lifetime() time.Duration {
	if c.ExpiresAt.IsZero() {
		return 0
	}
	return c.ExpiresAt.Sub(c.IssuedAt)
}

// Same reports whether c and d hold the same secret.
func (c Credential) Same(d Credential) bool {
	if c.Kind != d.Kind || !c.Token.Equal(d.Token) || (c.AWS == nil) != (d.AWS == nil) {
		return false
	}
	return c.AWS == nil ||
		c.AWS.AccessKeyID.Equal(d.AWS.AccessKeyID) && c.AWS.SecretAccessKey.Equal(d.AWS.SecretAccessKey) &&
			c.AWS.SessionToken.Equal(d.AWS.SessionToken)
}

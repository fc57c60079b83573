package sandbox

import (
	"crypto/tls"
	"time"
)

// Config is what a sandbox is made from. The zero value is a working sandbox:
// plain HTTP URLs, free ports, one identity, one rule, nothing broken.
type Config struct {
	// TLS makes URLs and environments https. Both schemes are always served.
	TLS bool
	// Address is the loopback address to listen on; empty means 127.0.0.1.
	Address string
	// Ports fixes the port of a host; absent or 0 means a free one.
	Ports map[Host]int
	// Certificate is what the TLS listeners show; the zero value is a good one.
	Certificate Certificate
	// ChangeTLS may change what the listeners speak, such as the highest version.
	ChangeTLS func(*tls.Config)
	// Dir receives ca.pem; empty means a temporary directory, removed at Close.
	Dir string
	// Now is the clock before any offset; nil means time.Now.
	Now func() time.Time

	// Issuer is the iss claim of minted tokens; empty means the URL of the
	// GitHub host, where the discovery document and the keys really are.
	Issuer string
	// EnterpriseSlug, if set, is appended to the issuer as GitHub's opt-in
	// enterprise issuer does.
	EnterpriseSlug string
	// Identity describes the first job; zero fields are filled in.
	Identity Identity
	// GitHubActions adds GITHUB_ACTIONS=true and CI=true to GitHubEnv.
	GitHubActions bool
	// TokenLifetime is exp - iat of minted tokens; 0 means 300 s.
	TokenLifetime time.Duration

	// Rule is the Anthropic federation rule; zero fields are filled in.
	Rule Rule
	// Role, Pool, App and Mapping are the counterparts at AWS, Google Cloud, Azure
	// and OpenAI; zero fields are filled in.
	Role    Role
	Pool    Pool
	App     App
	Mapping Mapping
	// RFC6749Errors answers refusals in the older edition of Anthropic's
	// reference (400 {"error":"invalid_grant"}) instead of the nested one.
	RFC6749Errors bool
	// APIKey is a static key that every API accepts where its vendor takes one:
	// x-api-key, api-key, x-goog-api-key, or as a bearer. Empty means none.
	APIKey string
	// RequireOAuthBeta makes the Messages API refuse a bearer token that comes
	// without "anthropic-beta: oauth-2025-04-20". What the vendor does is not
	// documented, so this is off by default.
	RequireOAuthBeta bool
	// Stream shapes streamed answers.
	Stream Stream

	// Records is how many requests are kept for Requests; 0 means 20,000, the
	// oldest are dropped; negative keeps none.
	Records int
	// RecordBody is how many bytes of each body are kept; 0 means 1 MiB. Length
	// and digest always cover the whole body. All kept bodies together stay below
	// 256 MiB: beyond it the older half of the records is dropped.
	RecordBody int
	// Faults are added at start.
	Faults map[Endpoint][]Fault
}

// Stream shapes the event streams of all API endpoints.
type Stream struct {
	// Events is the number of text events; 0 means 3.
	Events int
	// EventBytes is the length of the text in each; 0 means a short word.
	EventBytes int
	// Interval is the pause before each event; 0 means none.
	Interval time.Duration
}

// Option changes a Config; Start takes any number of them.
type Option func(*Config)

// WithTLS makes every URL and environment https.
func WithTLS() Option { return func(c *Config) { c.TLS = true } }

// With changes any field of the Config.
func With(change func(*Config)) Option { return change }

// WithFault adds faults to an endpoint at start.
func WithFault(e Endpoint, faults ...Fault) Option {
	return func(c *Config) {
		if c.Faults == nil {
			c.Faults = map[Endpoint][]Fault{}
		}
		c.Faults[e] = append(c.Faults[e], faults...)
	}
}

package sandbox

import (
	"strings"
	"time"
)

// grant is a credential that a vendor gave out. Its map key is the bearer token,
// or the access key id for AWS.
type grant struct {
	provider string
	identity string
	subject  string
	scope    string
	expires  time.Time
	revoked  bool
	secret   string            // AWS
	session  string            // AWS
	attrs    map[string]string // what else the vendor remembers
}

func (s *Sandbox) grant(key string, g *grant) {
	s.mu.Lock()
	s.grants[key] = g
	s.mu.Unlock()
}

// granted is the grant of that key, if it still holds.
func (s *Sandbox) granted(provider, key string) (*grant, *refusal) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.grants[key]
	switch {
	case g == nil || g.provider != provider:
		return nil, refuse("token_unknown", "")
	case g.revoked:
		return g, refuse("token_revoked", "")
	case !now.Before(g.expires):
		return g, refuse("token_expired", "")
	}
	return g, nil
}

// Revoke makes a granted credential invalid: a bearer token, or an AWS access
// key id. It reports whether there was one.
func (s *Sandbox) Revoke(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.grants[token]
	if g == nil {
		return false
	}
	g.revoked = true
	return true
}

// RevokeAll makes every credential granted so far invalid.
func (s *Sandbox) RevokeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.grants {
		g.revoked = true
	}
}

// GrantToken hands out a credential of a vendor without an exchange, for tests
// that begin with a good token in hand.
func (s *Sandbox) GrantToken(provider string, life time.Duration) string {
	token := newToken(provider)
	s.grant(token, &grant{provider: provider, identity: s.Job().Name, scope: "workspace:developer", expires: s.Now().Add(life)})
	return token
}

// newToken has the form of the vendor's own.
func newToken(provider string) string {
	switch provider {
	case "anthropic":
		return "sk-ant-oat01-" + randomText(69) + "-" + randomText(4) + "AA"
	case "gcp":
		return "ya29." + strings.ReplaceAll(randomText(120), "-", "_")
	default:
		return "eyJ0eXAiOiJhdCtqd3QifQ." + randomText(180) + "." + randomText(64)
	}
}

// bearer is the token of the one Authorization header, if that is a bearer's.
func (r *request) bearer() (string, bool) {
	values := r.header["Authorization"]
	if len(values) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	return token, ok && strings.EqualFold(scheme, "bearer") && token != ""
}

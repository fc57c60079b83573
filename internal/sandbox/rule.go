package sandbox

import (
	"slices"
	"strings"
	"time"
)

// Rule is an Anthropic federation rule: who may become which service account.
// Empty fields get the values that AnthropicEnv names.
type Rule struct {
	ID             string // fdrl_...
	OrganizationID string // UUID
	// ServiceAccountID is the target (svac_...). UserTarget means that the rule
	// has a user instead, and that service_account_id must be left out.
	ServiceAccountID string
	UserTarget       bool
	// Audience must be in aud; empty means https://api.anthropic.com.
	Audience string
	// SubjectPrefix must equal sub, or begin it if it ends in an asterisk; empty
	// means the owner of the first job's repository, and an asterisk.
	SubjectPrefix string
	// Claims must be equal in the assertion.
	Claims map[string]string
	// Workspaces are those that the rule covers. With more than one, the request
	// must name one. Empty means two.
	Workspaces []string
	// TokenLifetime is token_lifetime_seconds, 60 s to 24 h; 0 means an hour.
	TokenLifetime time.Duration
	// Scope is oauth_scope; empty means workspace:developer.
	Scope string
	// MaxAssertionLife is the issuer's bound of exp - iat; 0 means an hour.
	MaxAssertionLife time.Duration
	// AllowReuse is the issuer's check_jti set to false.
	AllowReuse bool
}

// SetRule adds a rule or replaces the one with the same id. Without an id it is
// the first rule that is replaced.
func (s *Sandbox) SetRule(r Rule) {
	job := s.Job()
	s.mu.Lock()
	if r.ID == "" {
		r.ID = s.firstRule
	}
	s.mu.Unlock()
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&r.ID, "fdrl_01SandboxRule0000000000")
	set(&r.OrganizationID, "0b5a2f6e-3c1d-4e8f-9a7b-5d6c4e3f2a1b")
	if !r.UserTarget {
		set(&r.ServiceAccountID, "svac_01SandboxAccount000000")
	}
	set(&r.Audience, "https://api.anthropic.com")
	set(&r.SubjectPrefix, ownerPrefix(job))
	set(&r.Scope, "workspace:developer")
	if len(r.Workspaces) == 0 {
		r.Workspaces = []string{"wrkspc_01SandboxWorkspace00000", "wrkspc_01SandboxSecond00000000"}
	}
	if r.TokenLifetime == 0 {
		r.TokenLifetime = time.Hour
	}
	if r.MaxAssertionLife == 0 {
		r.MaxAssertionLife = time.Hour
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules[r.ID] = &r
	if s.firstRule == "" {
		s.firstRule = r.ID
	}
}

// Rule is the first rule as it is now; change it and give it to SetRule.
func (s *Sandbox) Rule() Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.rules[s.firstRule]
}

// DeleteRule makes a rule unknown.
func (s *Sandbox) DeleteRule(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rules, id)
}

func ownerPrefix(j *Job) string {
	prefix, _, _ := strings.Cut(j.subjectPrefix(), "/")
	return prefix + "/*"
}

// matches says why the rule refuses the assertion, if it does.
func (r *Rule) matches(a *assertion) *refusal {
	if !slices.Contains(a.aud, r.Audience) {
		return refuse("match_audience", strings.Join(a.aud, " "))
	}
	prefix, open := strings.CutSuffix(r.SubjectPrefix, "*")
	if a.sub != prefix && !(open && strings.HasPrefix(a.sub, prefix)) {
		return refuse("match_subject_prefix", a.sub)
	}
	for name, want := range r.Claims {
		if got, ok := a.claims[name].(string); !ok || got != want {
			return refuse("match_claims", name)
		}
	}
	return nil
}

// workspace chooses the workspace of the credential.
func (r *Rule) workspace(asked string) (string, *refusal) {
	switch {
	case asked == "" && len(r.Workspaces) > 1:
		return "", refuse("workspace_id_required", "")
	case asked == "":
		return r.Workspaces[0], nil
	case !slices.Contains(r.Workspaces, asked):
		return "", refuse("workspace", asked)
	}
	return asked, nil
}

// lifetime is max(60, min(rule, 2 x what the assertion has left)), in seconds
// (Anthropic WIF, "Token lifetime and refresh").
func (r *Rule) lifetime(remaining int) int {
	return max(60, min(int(r.TokenLifetime/time.Second), 2*remaining))
}

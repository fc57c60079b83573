package sandbox

// Mapping is an OpenAI identity provider and its mapping to a service account.
// Empty fields get the values that OpenAIEnv names.
type Mapping struct {
	IdentityProviderID string // idp_...
	ServiceAccountID   string
	Audience           string // https://api.openai.com/v1
	// Subject must equal sub, or begin it if it ends in an asterisk; empty means
	// the owner of the first job's repository, and an asterisk.
	Subject string
	// Scope, if set, restricts what the token may do, and is told.
	Scope string
	// SingleUse refuses an assertion that came before, which is optional there.
	SingleUse bool
}

// SetMapping replaces the mapping.
func (s *Sandbox) SetMapping(m Mapping) {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&m.IdentityProviderID, "idp_01SandboxProvider")
	set(&m.ServiceAccountID, "user-SandboxServiceAccount")
	set(&m.Audience, "https://api.openai.com/v1")
	set(&m.Subject, ownerPrefix(s.Job()))
	s.mu.Lock()
	s.mapping = m
	s.mu.Unlock()
}

// Mapping is the mapping as it is now.
func (s *Sandbox) Mapping() Mapping {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mapping
}

// OpenAIEnv points a client at the mapping.
func (s *Sandbox) OpenAIEnv() []string {
	m := s.Mapping()
	return []string{
		"AWF_AUTH_TYPE=github-oidc",
		"AWF_AUTH_PROVIDER=openai",
		"AWF_AUTH_OIDC_AUDIENCE=" + m.Audience,
		"AWF_AUTH_OPENAI_IDENTITY_PROVIDER_ID=" + m.IdentityProviderID,
		"AWF_AUTH_OPENAI_SERVICE_ACCOUNT_ID=" + m.ServiceAccountID,
		"AWF_AUTH_OPENAI_TOKEN_URL=" + s.URL(HostOpenAIAuth) + "/oauth/token",
	}
}

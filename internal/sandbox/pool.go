package sandbox

import (
	"time"
)

// Pool is a workload identity pool provider and the service account behind it.
// Empty fields get the values that GCPEnv names.
type Pool struct {
	// Provider is projects/NUMBER/locations/global/workloadIdentityPools/P/providers/X.
	Provider string
	// Audiences are accepted in the assertion; empty means the provider's own
	// name, with https: or without.
	Audiences []string
	// Condition is the attribute condition: claims that must be equal. Empty
	// means the owner of the first job's repository.
	Condition map[string]string
	// MaxAge is how old an assertion may be by its iat; 0 means an hour.
	MaxAge time.Duration
	// ServiceAccount is who may be impersonated.
	ServiceAccount string
	// Delegates is the one chain that leads to it; empty means directly.
	Delegates []string
	// MaxLifetime is the longest impersonated lifetime; 0 means an hour. Twelve
	// hours need an organization policy.
	MaxLifetime time.Duration
	// Project and Location are where Vertex AI is used.
	Project, Location string
	// UniverseDomain is googleapis.com if empty.
	UniverseDomain string
}

// SetPool replaces the provider.
func (s *Sandbox) SetPool(p Pool) {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&p.Provider, "projects/123456789012/locations/global/workloadIdentityPools/github/providers/actions")
	set(&p.ServiceAccount, "awf@sandbox-project.iam.gserviceaccount.com")
	set(&p.Project, "sandbox-project")
	set(&p.Location, "global")
	set(&p.UniverseDomain, "googleapis.com")
	if len(p.Audiences) == 0 {
		name := "//iam." + p.UniverseDomain + "/" + p.Provider
		p.Audiences = []string{"https:" + name, name}
	}
	if p.Condition == nil {
		p.Condition = map[string]string{"repository_owner": s.Job().Owner()}
	}
	if p.MaxAge == 0 {
		p.MaxAge = time.Hour
	}
	if p.MaxLifetime == 0 {
		p.MaxLifetime = time.Hour
	}
	s.mu.Lock()
	s.pool = p
	s.mu.Unlock()
}

// Pool is the provider as it is now.
func (s *Sandbox) Pool() Pool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pool
}

// GCPEnv points a client at the pool, with impersonation. The audience is left
// to its default, which is right here.
func (s *Sandbox) GCPEnv() []string {
	p := s.Pool()
	env := []string{
		"AWF_AUTH_TYPE=github-oidc",
		"AWF_AUTH_PROVIDER=gcp",
		"AWF_AUTH_GCP_WORKLOAD_IDENTITY_PROVIDER=" + p.Provider,
		"AWF_AUTH_GCP_SERVICE_ACCOUNT=" + p.ServiceAccount,
		"AWF_AUTH_GCP_TOKEN_URL=" + s.URL(HostGCP) + "/v1/token",
		"AWF_AUTH_GCP_IAM_URL=" + s.URL(HostIAM),
	}
	return env
}

package sandbox

import (
	"time"
)

// Role is an IAM role and its trust policy. Empty fields get the values that
// AWSEnv names.
type Role struct {
	ARN    string // arn:aws:iam::123456789012:role/ci
	Region string // us-east-1: the region of both endpoints
	// ClientIDs are the audiences registered with the account's OIDC provider;
	// empty means sts.amazonaws.com.
	ClientIDs []string
	// Subject is the trust policy's StringLike condition on sub, with * and ?;
	// empty means the owner of the first job's repository.
	Subject string
	// MaxSession is MaxSessionDuration; 0 means 12 h.
	MaxSession time.Duration
}

// SetRole replaces the role that can be assumed.
func (s *Sandbox) SetRole(r Role) {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&r.ARN, "arn:aws:iam::123456789012:role/ci")
	set(&r.Region, "us-east-1")
	set(&r.Subject, ownerPrefix(s.Job()))
	if len(r.ClientIDs) == 0 {
		r.ClientIDs = []string{"sts.amazonaws.com"}
	}
	if r.MaxSession == 0 {
		r.MaxSession = 12 * time.Hour
	}
	s.mu.Lock()
	s.role = r
	s.mu.Unlock()
}

// Role is the role as it is now.
func (s *Sandbox) Role() Role {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.role
}

// AWSEnv points a client at the role.
func (s *Sandbox) AWSEnv() []string {
	r := s.Role()
	return []string{
		"AWF_AUTH_TYPE=github-oidc",
		"AWF_AUTH_PROVIDER=aws",
		"AWF_AUTH_OIDC_AUDIENCE=" + r.ClientIDs[0],
		"AWF_AUTH_AWS_ROLE_ARN=" + r.ARN,
		"AWF_AUTH_AWS_REGION=" + r.Region,
		"AWF_AUTH_AWS_TOKEN_URL=" + s.URL(HostSTS) + "/",
	}
}

package sandbox

import (
	"strings"
	"time"
)

// Issuer is the iss claim of minted tokens.
func (s *Sandbox) Issuer() string {
	issuer := s.cfg.Issuer
	if issuer == "" {
		issuer = s.URL(HostGitHub)
	}
	if s.cfg.EnterpriseSlug != "" {
		issuer += "/" + s.cfg.EnterpriseSlug
	}
	return issuer
}

// claims are those of GitHub's reference, for this job and audience.
func (j *Job) claims(audience string) map[string]any {
	now := j.sandbox.Now()
	life := j.sandbox.cfg.TokenLifetime
	if life == 0 {
		life = 300 * time.Second
	}
	if audience == "" {
		audience = "https://github.com/" + j.Owner()
	}
	workflow := j.Repository + "/.github/workflows/ci.yml@" + j.Ref
	c := map[string]any{
		"iss": j.sandbox.Issuer(), "aud": audience, "sub": j.subject(), "jti": uuid(),
		"iat": now.Unix(), "nbf": now.Add(-10 * time.Minute).Unix(), "exp": now.Add(life).Unix(),
		"repository": j.Repository, "repository_id": j.RepositoryID,
		"repository_owner": j.Owner(), "repository_owner_id": j.OwnerID, "repository_visibility": j.Visibility,
		"ref": j.Ref, "ref_type": refType(j.Ref), "ref_protected": "false", "sha": strings.Repeat("0123456789", 4),
		"base_ref": "", "head_ref": "",
		"workflow": "ci", "workflow_ref": workflow, "workflow_sha": strings.Repeat("0123456789", 4),
		"job_workflow_ref": workflow, "job_workflow_sha": strings.Repeat("0123456789", 4),
		"event_name": j.Event, "actor": j.Actor, "actor_id": "583231",
		"run_id": j.RunID, "run_number": "17", "run_attempt": j.RunAttempt,
		"runner_environment": "github-hosted",
	}
	if j.Event == "pull_request" {
		c["base_ref"], c["head_ref"] = "main", "feature"
	}
	if j.Environment != "" {
		c["environment"] = j.Environment
	}
	if j.Enterprise != "" {
		c["enterprise"], c["enterprise_id"] = j.Enterprise, "4711"
	}
	override(c, j.Claims)
	return c
}

func refType(ref string) string {
	if strings.HasPrefix(ref, "refs/tags/") {
		return "tag"
	}
	return "branch"
}

// override sets the claims of by; a nil value removes one.
func override(claims, by map[string]any) {
	for name, value := range by {
		if value == nil {
			delete(claims, name)
		} else {
			claims[name] = value
		}
	}
}

package sandbox

import "time"

// ruleJSON is Rule as the admin endpoint speaks it.
type ruleJSON struct {
	ID               string            `json:"id"`
	OrganizationID   string            `json:"organization_id"`
	ServiceAccountID string            `json:"service_account_id"`
	UserTarget       bool              `json:"user_target"`
	Audience         string            `json:"audience"`
	SubjectPrefix    string            `json:"subject_prefix"`
	Claims           map[string]string `json:"claims"`
	Workspaces       []string          `json:"workspaces"`
	TokenLifetime    Duration          `json:"token_lifetime"`
	Scope            string            `json:"scope"`
	MaxAssertionLife Duration          `json:"max_assertion_life"`
	AllowReuse       bool              `json:"allow_reuse"`
}

func wireRule(r Rule) ruleJSON {
	return ruleJSON{r.ID, r.OrganizationID, r.ServiceAccountID, r.UserTarget, r.Audience, r.SubjectPrefix, r.Claims,
		r.Workspaces, Duration(r.TokenLifetime), r.Scope, Duration(r.MaxAssertionLife), r.AllowReuse}
}

func (r ruleJSON) rule() Rule {
	return Rule{r.ID, r.OrganizationID, r.ServiceAccountID, r.UserTarget, r.Audience, r.SubjectPrefix, r.Claims,
		r.Workspaces, time.Duration(r.TokenLifetime), r.Scope, time.Duration(r.MaxAssertionLife), r.AllowReuse}
}

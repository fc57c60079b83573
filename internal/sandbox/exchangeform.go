package sandbox

import (
	"encoding/json"
	"net/http"
	"regexp"
)

// exchangeRequest is the body of an exchange. Unknown fields are dropped.
// A pointer tells an absent field from an empty one.
type exchangeRequest struct {
	GrantType        *string `json:"grant_type"`
	Assertion        *string `json:"assertion"`
	FederationRuleID *string `json:"federation_rule_id"`
	OrganizationID   *string `json:"organization_id"`
	ServiceAccountID *string `json:"service_account_id"`
	WorkspaceID      *string `json:"workspace_id"`
}

// readExchange checks the form of the request: what is wrong here is a 400.
func readExchange(r *request) (*exchangeRequest, *refusal) {
	bad := func(reason, detail string) *refusal {
		return &refusal{reason: reason, detail: detail, status: http.StatusBadRequest}
	}
	if r.method != http.MethodPost {
		return nil, &refusal{reason: "method", detail: r.method, status: http.StatusMethodNotAllowed}
	}
	if r.contentType() != "application/json" {
		return nil, bad("content_type", r.contentType())
	}
	var b exchangeRequest
	if err := json.Unmarshal(r.body, &b); err != nil {
		return nil, bad("not_json", err.Error())
	}
	for _, f := range []struct {
		name     string
		value    *string
		form     *regexp.Regexp
		optional bool
	}{
		{"grant_type", b.GrantType, nil, false},
		{"assertion", b.Assertion, nil, false},
		{"federation_rule_id", b.FederationRuleID, ruleForm, false},
		{"organization_id", b.OrganizationID, uuidForm, false},
		{"service_account_id", b.ServiceAccountID, accountForm, true},
		{"workspace_id", b.WorkspaceID, workspaceForm, true},
	} {
		switch {
		case f.value == nil && !f.optional:
			return nil, bad("missing_field", f.name)
		case f.value != nil && (*f.value == "" || f.form != nil && !f.form.MatchString(*f.value)):
			return nil, bad("malformed_field", f.name)
		}
	}
	if *b.GrantType != jwtBearer {
		return nil, bad("grant_type", *b.GrantType)
	}
	if len(*b.Assertion) > maxAssertion {
		return nil, bad("assertion_size", "")
	}
	return &b, nil
}

package exchange

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

// The wire of Anthropic's Workload Identity Federation (Anthropic docs, "WIF
// reference"; anthropic-sdk-go, internal/auth/workload.go).
const (
	anthropicTokenURL = "https://api.anthropic.com/v1/oauth/token" // #nosec G101 -- a URL
	anthropicAudience = "https://api.anthropic.com"
	anthropicGrant    = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523 section 2.1
	// The SDKs send both values on this exchange.
	anthropicBeta = "oauth-2025-04-20,oidc-federation-2026-04-01"
)

// AnthropicParams are the parameters of an exchange with Anthropic. The three ids
// are required; the zero value of everything else is the vendor's default.
type AnthropicParams struct {
	FederationRuleID string // fdrl_…
	OrganizationID   string // a UUID
	ServiceAccountID string // svac_…
	WorkspaceID      string // wrkspc_… or default; needed when the rule covers several

	TokenURL string // the whole URL; empty: https://api.anthropic.com/v1/oauth/token
	Audience string // empty: https://api.anthropic.com
	// AllowAssertionReuse is for issuers whose check of jti is switched off.
	AllowAssertionReuse bool
	UserAgent           string
	Now                 func() time.Time // nil: time.Now
}

// Anthropic exchanges assertions for Anthropic access tokens (sk-ant-oat01-…).
type Anthropic struct {
	caller
	p AnthropicParams
}

// NewAnthropic checks every parameter and returns all that is wrong at once.
func NewAnthropic(p AnthropicParams, d Doer) (*Anthropic, error) {
	if p.TokenURL == "" {
		p.TokenURL = anthropicTokenURL
	}
	if p.Audience == "" {
		p.Audience = anthropicAudience
	}
	var bad problems
	bad.required("federation_rule_id", p.FederationRuleID, CheckFederationRuleID)
	bad.required("organization_id", p.OrganizationID, CheckUUID)
	bad.required("service_account_id", p.ServiceAccountID, CheckServiceAccountID)
	bad.optional("workspace_id", p.WorkspaceID, CheckWorkspaceID)
	bad.optional("token_url", p.TokenURL, CheckEndpoint)
	bad.optional("audience", p.Audience, checkAudience)
	if err := bad.err("anthropic"); err != nil {
		return nil, err
	}
	return &Anthropic{newCaller("anthropic", p.TokenURL, d, p.Now, p.UserAgent), p}, nil
}

// CheckFederationRuleID says why value is not of the form fdrl_….
func CheckFederationRuleID(value string) error { return checkPrefixed(value, "fdrl_") }

// CheckServiceAccountID says why value is not of the form svac_….
func CheckServiceAccountID(value string) error { return checkPrefixed(value, "svac_") }

// CheckWorkspaceID says why value is neither of the form wrkspc_… nor `default`.
func CheckWorkspaceID(value string) error {
	if value == "default" {
		return nil
	}
	return checkPrefixed(value, "wrkspc_")
}

// Audience is what the assertion must be minted for.
func (x *Anthropic) Audience() string { return x.p.Audience }

// Fingerprint names endpoint and parameters.
func (x *Anthropic) Fingerprint() string {
	return fingerprint("anthropic", x.p.TokenURL, x.p.Audience, x.p.FederationRuleID, x.p.OrganizationID, x.p.ServiceAccountID, x.p.WorkspaceID)
}

// SingleUse is true for an assertion with a jti: Anthropic takes it once for each
// issuer, unless the issuer says otherwise (WIF reference, check_jti).
func (x *Anthropic) SingleUse(a Assertion) bool { return a.ID != "" && !x.p.AllowAssertionReuse }

// Exchange presents the assertion once.
func (x *Anthropic) Exchange(ctx context.Context, a Assertion) (Credential, error) {
	if e := x.check(a); e != nil {
		return Credential{}, e
	}
	r, e := x.post(ctx, x.request(a))
	if e != nil {
		return Credential{}, e
	}
	r.id("Request-Id")
	if r.status != http.StatusOK {
		return Credential{}, x.refusal(r, a)
	}
	c, e := r.grant(a, grantRules{})
	if e != nil {
		return Credential{}, e
	}
	return c, nil
}

// anthropicRequest is the body, in the vendor's order. Unset members are left out:
// an empty workspace_id is refused, and scope comes from the rule.
type anthropicRequest struct {
	GrantType        string `json:"grant_type"`
	Assertion        string `json:"assertion"`
	FederationRuleID string `json:"federation_rule_id"`
	OrganizationID   string `json:"organization_id"`
	ServiceAccountID string `json:"service_account_id"`
	WorkspaceID      string `json:"workspace_id,omitempty"`
}

func (x *Anthropic) request(a Assertion) request {
	body, _ := json.Marshal(anthropicRequest{ // strings alone: cannot fail
		GrantType: anthropicGrant, Assertion: a.Token.Reveal(), FederationRuleID: x.p.FederationRuleID,
		OrganizationID: x.p.OrganizationID, ServiceAccountID: x.p.ServiceAccountID, WorkspaceID: x.p.WorkspaceID,
	})
	return request{
		step: stepExchange, url: x.p.TokenURL, contentType: "application/json", body: body, secrets: []secret.Value{a.Token},
		header: [][2]string{acceptJSON, {"Anthropic-Beta", anthropicBeta}},
	}
}

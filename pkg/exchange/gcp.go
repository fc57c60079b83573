package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

// The wire of Google's Security Token Service (Google Cloud docs, STS `token`
// method) and of the IAM credentials service (`generateAccessToken`).
const (
	gcpUniverse      = "googleapis.com"
	gcpCloudPlatform = "https://www.googleapis.com/auth/cloud-platform"
	gcpMinLifetime   = 600 * time.Second
	gcpMaxLifetime   = 43200 * time.Second
	gcpLifetime      = time.Hour

	// RFC 8693 sections 2.1 and 3.
	tokenExchange   = "urn:ietf:params:oauth:grant-type:token-exchange" // #nosec G101 -- a name
	typeAccessToken = "urn:ietf:params:oauth:token-type:access_token"   // #nosec G101 -- a name
	typeJWT         = "urn:ietf:params:oauth:token-type:jwt"
)

// GCPParams are the parameters of an exchange with Google Cloud.
// WorkloadIdentityProvider is required.
type GCPParams struct {
	// WorkloadIdentityProvider is the resource name of a provider of a workload
	// or workforce pool: bare, or behind //iam.googleapis.com/ or
	// https://iam.googleapis.com/. The project is a number.
	WorkloadIdentityProvider string
	// ServiceAccount is the address of an account to impersonate; empty: the
	// federated token itself is the credential.
	ServiceAccount string
	Scopes         []string      // empty: cloud-platform
	TokenLifetime  time.Duration // of the impersonated token, 10 min to 12 h; 0: 1 h
	Delegates      []string      // addresses, in the order of the chain
	UniverseDomain string        // empty: googleapis.com
	// QuotaProject is the project that is charged for a workforce pool's calls.
	QuotaProject string

	TokenURL string // the whole URL; empty: https://sts.googleapis.com/v1/token
	IAMURL   string // base URL; empty: https://iamcredentials.googleapis.com
	Audience string // of the assertion; empty: https://iam.googleapis.com/ and the provider

	UserAgent string
	Now       func() time.Time // nil: time.Now
}

// GCP exchanges assertions for Google access tokens (ya29.…).
type GCP struct {
	caller
	p        GCPParams
	resource string // of the provider, bare
}

// NewGCP checks every parameter and returns all that is wrong at once.
func NewGCP(p GCPParams, d Doer) (*GCP, error) {
	var bad problems
	if p.UniverseDomain == "" {
		p.UniverseDomain = gcpUniverse
	}
	bad.optional("universe_domain", p.UniverseDomain, CheckGCPUniverse)
	bad.required("workload_identity_provider", p.WorkloadIdentityProvider, CheckGCPProvider)
	bad.optional("service_account", p.ServiceAccount, CheckGCPServiceAccount)
	bad.optional("quota_project", p.QuotaProject, CheckGCPProject)
	for _, s := range p.Scopes {
		bad.required("scope", s, CheckGCPScope)
	}
	for _, delegate := range p.Delegates {
		bad.required("delegates", delegate, CheckGCPDelegate)
	}
	if p.ServiceAccount == "" && len(p.Delegates) > 0 {
		bad.add(errors.New("delegates need a service_account"))
	}
	if p.TokenLifetime != 0 && (p.TokenLifetime < gcpMinLifetime || p.TokenLifetime > gcpMaxLifetime || p.TokenLifetime%time.Second != 0) {
		bad.add(errors.New("token_lifetime is not 10m to 12h in whole seconds"))
	}
	bad.optional("token_url", p.TokenURL, CheckEndpoint)
	bad.optional("iam_url", p.IAMURL, CheckBase)
	bad.optional("audience", p.Audience, checkAudience)
	if err := bad.err("gcp"); err != nil {
		return nil, err
	}
	p = p.withDefaults()
	return &GCP{newCaller("gcp", p.TokenURL, d, p.Now, p.UserAgent), p, gcpResource(p.WorkloadIdentityProvider)}, nil
}

func (p GCPParams) withDefaults() GCPParams {
	if len(p.Scopes) == 0 {
		p.Scopes = []string{gcpCloudPlatform}
	}
	if p.TokenLifetime == 0 {
		p.TokenLifetime = gcpLifetime
	}
	if p.TokenURL == "" {
		p.TokenURL = "https://sts." + p.UniverseDomain + "/v1/token"
	}
	if p.IAMURL == "" {
		p.IAMURL = "https://iamcredentials." + p.UniverseDomain
	}
	if p.Audience == "" {
		p.Audience = "https://iam." + p.UniverseDomain + "/" + gcpResource(p.WorkloadIdentityProvider)
	}
	return p
}

// Audience is what the assertion must be minted for: unless a provider lists
// others, it accepts its own name as a URL.
func (x *GCP) Audience() string { return x.p.Audience }

// Fingerprint names endpoints and parameters.
func (x *GCP) Fingerprint() string {
	parts := []string{"gcp", x.p.TokenURL, x.p.Audience, x.p.UniverseDomain, x.resource, strings.Join(x.p.Scopes, " "), x.p.QuotaProject}
	if x.p.ServiceAccount != "" {
		parts = append(parts, x.p.IAMURL, x.p.ServiceAccount, x.p.TokenLifetime.String(), strings.Join(x.p.Delegates, " "))
	}
	return fingerprint(parts...)
}

// SingleUse is false: STS takes an assertion again while it is valid.
func (x *GCP) SingleUse(Assertion) bool { return false }

// Exchange presents the assertion once, and the federated token once to the IAM
// credentials service if an account is to be impersonated.
func (x *GCP) Exchange(ctx context.Context, a Assertion) (Credential, error) {
	if e := x.check(a); e != nil {
		return Credential{}, e
	}
	if x.p.ServiceAccount != "" {
		defer x.connect(ctx, x.p.IAMURL)()
	}
	r, e := x.post(ctx, request{
		step: stepExchange, url: x.p.TokenURL, contentType: formContentType, header: [][2]string{acceptJSON},
		body: []byte(x.form(a).Encode()), secrets: []secret.Value{a.Token},
	})
	if e != nil {
		return Credential{}, e
	}
	r.id("X-Google-Request-Id", "X-Request-Id")
	if r.status != http.StatusOK {
		return Credential{}, x.refusal(r, a)
	}
	// Google leaves expires_in out for some kinds of token.
	c, e := r.grant(a, grantRules{unnamed: true})
	if e != nil {
		return Credential{}, e
	}
	if x.p.ServiceAccount == "" {
		return c, nil
	}
	if c, e = x.impersonate(ctx, a, c.Token); e != nil {
		return Credential{}, e
	}
	return c, nil
}

// form is the body in the shape of RFC 8693 section 2.1. The scope of a token that
// is only a step is cloud-platform, which impersonation needs.
func (x *GCP) form(a Assertion) url.Values {
	scope := strings.Join(x.p.Scopes, " ")
	if x.p.ServiceAccount != "" {
		scope = gcpCloudPlatform
	}
	f := url.Values{
		"grant_type": {tokenExchange}, "audience": {"//iam." + x.p.UniverseDomain + "/" + x.resource}, "scope": {scope},
		"requested_token_type": {typeAccessToken}, "subject_token_type": {typeJWT}, "subject_token": {a.Token.Reveal()},
	}
	if x.p.QuotaProject != "" && isWorkforce(x.resource) {
		options, _ := json.Marshal(map[string]string{"userProject": x.p.QuotaProject}) // strings alone: cannot fail
		f.Set("options", string(options))
	}
	return f
}

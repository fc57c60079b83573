package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

// The wire of OpenAI's workload identity federation (OpenAI docs, "Workload
// identity federation").
const (
	openAITokenURL = "https://auth.openai.com/oauth/token" // #nosec G101 -- a URL
	openAIAudience = "https://api.openai.com/v1"
)

// OpenAIParams are the parameters of an exchange with OpenAI. The two ids are
// required.
type OpenAIParams struct {
	IdentityProviderID string // idp_…
	ServiceAccountID   string // the form is not documented

	TokenURL string // the whole URL; empty: https://auth.openai.com/oauth/token
	Audience string // as the provider's configuration says; empty: https://api.openai.com/v1

	UserAgent string
	Now       func() time.Time // nil: time.Now
}

// OpenAI exchanges assertions for OpenAI access tokens.
type OpenAI struct {
	caller
	p OpenAIParams
}

// NewOpenAI checks every parameter and returns all that is wrong at once.
func NewOpenAI(p OpenAIParams, d Doer) (*OpenAI, error) {
	if p.TokenURL == "" {
		p.TokenURL = openAITokenURL
	}
	if p.Audience == "" {
		p.Audience = openAIAudience
	}
	var bad problems
	bad.required("identity_provider_id", p.IdentityProviderID, CheckOpenAIProviderID)
	bad.required("service_account_id", p.ServiceAccountID, CheckOpenAIServiceAccountID)
	bad.optional("token_url", p.TokenURL, CheckEndpoint)
	bad.optional("audience", p.Audience, checkAudience)
	if err := bad.err("openai"); err != nil {
		return nil, err
	}
	return &OpenAI{newCaller("openai", p.TokenURL, d, p.Now, p.UserAgent), p}, nil
}

// CheckOpenAIProviderID says why value is not of the form idp_….
func CheckOpenAIProviderID(value string) error { return checkPrefixed(value, "idp_") }

// CheckOpenAIServiceAccountID says why value cannot be an id: its form is not
// documented, so that only characters and length are checked.
func CheckOpenAIServiceAccountID(value string) error {
	if value == "" || len(value) > maxID || !all(value, func(c byte) bool { return isIDByte(c) || c == '.' }) {
		return errors.New("is not 1 to 128 letters, digits and . _ -")
	}
	return nil
}

// Audience is what the assertion must be minted for.
func (x *OpenAI) Audience() string { return x.p.Audience }

// Fingerprint names endpoint and parameters.
func (x *OpenAI) Fingerprint() string {
	return fingerprint("openai", x.p.TokenURL, x.p.Audience, x.p.IdentityProviderID, x.p.ServiceAccountID)
}

// SingleUse is false: a check of jti is an option of Codex's own exchange.
func (x *OpenAI) SingleUse(Assertion) bool { return false }

// openAIRequest is the body, in the vendor's order.
type openAIRequest struct {
	GrantType          string `json:"grant_type"`
	SubjectTokenType   string `json:"subject_token_type"`
	SubjectToken       string `json:"subject_token"`
	IdentityProviderID string `json:"identity_provider_id"`
	ServiceAccountID   string `json:"service_account_id"`
}

// Exchange presents the assertion once.
func (x *OpenAI) Exchange(ctx context.Context, a Assertion) (Credential, error) {
	if e := x.check(a); e != nil {
		return Credential{}, e
	}
	body, _ := json.Marshal(openAIRequest{ // strings alone: cannot fail
		tokenExchange, typeJWT, a.Token.Reveal(), x.p.IdentityProviderID, x.p.ServiceAccountID,
	})
	r, e := x.post(ctx, request{
		step: stepExchange, url: x.p.TokenURL, contentType: "application/json", header: [][2]string{acceptJSON},
		body: body, secrets: []secret.Value{a.Token},
	})
	if e != nil {
		return Credential{}, e
	}
	r.id("X-Request-Id")
	if r.status != http.StatusOK {
		return Credential{}, x.refusal(r, a)
	}
	c, e := r.grant(a, grantRules{})
	if e != nil {
		return Credential{}, e
	}
	return c, nil
}

func (x *OpenAI) refusal(r *reply, a Assertion) *Error {
	said, _ := r.oauthError()
	e := r.refused(said)
	if e.Cause != Refused {
		return e
	}
	var h hints
	switch e.Code {
	case "invalid_grant", "invalid_subject_token", "access_denied":
		h.add("compare identity provider " + x.p.IdentityProviderID + " and its mappings with what was presented: " + presented(a))
		if late := expired(a, r.got); late != "" {
			h.add(late)
		}
		if form := subjectForm(a); form != "" {
			h.add(form)
		}
	case "invalid_client", "unauthorized_client":
		h.add("is service account " + x.p.ServiceAccountID + " mapped to identity provider " + x.p.IdentityProviderID + "? (AWF_AUTH_OPENAI_SERVICE_ACCOUNT_ID, AWF_AUTH_OPENAI_IDENTITY_PROVIDER_ID)")
	case "invalid_request":
		h.add("check the form of AWF_AUTH_OPENAI_IDENTITY_PROVIDER_ID (--openai-identity-provider-id, idp_…) and AWF_AUTH_OPENAI_SERVICE_ACCOUNT_ID (--openai-service-account-id)")
	}
	h.otherwise(r, a, "AWF_AUTH_OPENAI_TOKEN_URL (--openai-token-url), the whole URL, such as "+openAITokenURL)
	e.Hint = h.String()
	return e
}

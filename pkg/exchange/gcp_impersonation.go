package exchange

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/strictjson"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

const stepImpersonation = "impersonation"

// gcpAccessTokenRequest is the body of generateAccessToken.
type gcpAccessTokenRequest struct {
	Scope     []string `json:"scope"`
	Lifetime  string   `json:"lifetime"` // seconds with an s
	Delegates []string `json:"delegates,omitempty"`
}

// impersonate is the second step: it presents the federated token and is granted a
// token of the service account. Its failures come after the assertion was sent.
func (x *GCP) impersonate(ctx context.Context, a Assertion, federated secret.Value) (Credential, *Error) {
	in := gcpAccessTokenRequest{Scope: x.p.Scopes, Lifetime: strconv.Itoa(int(x.p.TokenLifetime/time.Second)) + "s"}
	for _, d := range x.p.Delegates {
		in.Delegates = append(in.Delegates, gcpAccountPath+strings.TrimPrefix(d, gcpAccountPath))
	}
	body, _ := json.Marshal(in) // strings alone: cannot fail
	r, e := x.post(ctx, request{
		step:        stepImpersonation,
		url:         strings.TrimSuffix(x.p.IAMURL, "/") + "/v1/" + gcpAccountPath + x.p.ServiceAccount + ":generateAccessToken",
		contentType: "application/json", body: body, secrets: []secret.Value{a.Token, federated},
		header: [][2]string{acceptJSON, {"Authorization", "Bearer " + federated.Reveal()}},
	})
	if e != nil {
		e.Unsent = false
		return Credential{}, e
	}
	r.id("X-Google-Request-Id", "X-Request-Id")
	if r.status != http.StatusOK {
		return Credential{}, x.impersonationRefusal(r, a)
	}
	return r.gcpGrant(a)
}

// gcpGrant reads {"accessToken":"ya29...","expireTime":"2026-01-02T04:04:05Z"}.
func (r *reply) gcpGrant(a Assertion) (Credential, *Error) {
	if e := r.whole(); e != nil {
		return Credential{}, e
	}
	m, err := strictjson.Object(r.body)
	if err != nil {
		return Credential{}, r.useless("accessToken cannot be read: the answer " + err.Error())
	}
	token, ok := m.String("accessToken")
	if !ok {
		c := oauthComplaint(m)
		return Credential{}, r.fail(Refused, complaint{c.code, joined("accessToken is "+m.Kind("accessToken"), c.text)})
	}
	if e := r.checkToken("accessToken", token, a); e != nil {
		return Credential{}, e
	}
	at, _ := m.String("expireTime")
	expiry, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return Credential{}, r.useless("expireTime is absent or not a time")
	}
	life, ok := r.until(expiry)
	if !ok {
		return Credential{}, r.useless("expireTime is past or beyond belief")
	}
	c := r.credential(Bearer, life)
	c.Token = secret.New(token)
	return c, nil
}

func (x *GCP) impersonationRefusal(r *reply, a Assertion) *Error {
	said, _ := r.oauthError()
	e := r.refused(said)
	if e.Cause != Refused {
		return e
	}
	var h hints
	switch r.status {
	case http.StatusForbidden, http.StatusUnauthorized:
		h.add("give the federated principal the role roles/iam.workloadIdentityUser on " + x.p.ServiceAccount + "; a new binding takes up to five minutes to work")
		if len(x.p.Delegates) > 0 {
			h.add("each delegate needs roles/iam.serviceAccountTokenCreator on the next account of the chain")
		}
	case http.StatusNotFound:
		h.add("does the account exist? AWF_AUTH_GCP_SERVICE_ACCOUNT (--gcp-service-account) is " + x.p.ServiceAccount)
	case http.StatusBadRequest:
		h.add("a lifetime (AWF_AUTH_GCP_TOKEN_LIFETIME, --gcp-token-lifetime) above 1h needs the organization policy iam.allowServiceAccountCredentialLifetimeExtension; check AWF_AUTH_GCP_SCOPE (--gcp-scope), too")
	}
	h.otherwise(r, a, "AWF_AUTH_GCP_IAM_URL (--gcp-iam-url), a base")
	e.Hint = h.String()
	return e
}

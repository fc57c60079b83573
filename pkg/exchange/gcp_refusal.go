package exchange

import "strings"

// refusal explains the first step (Google Cloud docs, "Workload identity
// federation", troubleshooting).
func (x *GCP) refusal(r *reply, a Assertion) *Error {
	said, _ := r.oauthError()
	e := r.refused(said)
	if e.Cause != Refused {
		return e
	}
	var h hints
	switch text := strings.ToLower(said.text); e.Code {
	case "invalid_grant":
		switch {
		case strings.Contains(text, "audience"):
			h.add("the provider expects another audience: presented " + presented(a) + "; AWF_AUTH_OIDC_AUDIENCE (--oidc-audience) sets it")
		case strings.Contains(text, "stale"):
			h.add("the assertion was issued too long ago: present it sooner, or check this machine's clock")
		case strings.Contains(text, "issuer"):
			h.add("the issuer " + quoted(a.Issuer) + " is not that of the provider, or Google cannot reach its keys")
		default:
			h.add("presented: " + presented(a))
		}
		if late := expired(a, r.got); late != "" {
			h.add(late)
		}
	case "unauthorized_client", "access_denied":
		h.add("the provider's attribute condition did not match what was presented: " + presented(a))
		if form := subjectForm(a); form != "" {
			h.add(form)
		}
	case "invalid_target":
		h.add("is AWF_AUTH_GCP_WORKLOAD_IDENTITY_PROVIDER (--gcp-workload-identity-provider) right, with the project's number, and is the provider enabled? It is " + x.resource)
	case "invalid_scope":
		h.add("check AWF_AUTH_GCP_SCOPE (--gcp-scope)")
	case "invalid_request":
		h.add("Google did not understand the request: check AWF_AUTH_GCP_WORKLOAD_IDENTITY_PROVIDER (--gcp-workload-identity-provider) and AWF_AUTH_GCP_SCOPE (--gcp-scope)")
	}
	h.otherwise(r, a, "AWF_AUTH_GCP_TOKEN_URL (--gcp-token-url), a whole URL")
	e.Hint = h.String()
	return e
}

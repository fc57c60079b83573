package exchange

import (
	"encoding/json"
	"strings"

	"github.com/awf-cred/awf-cred/internal/strictjson"
)

// refusal reads the AADSTS code, which decides: Microsoft says that texts change
// (Microsoft Learn, "AADSTS error codes").
func (x *Azure) refusal(r *reply, a Assertion) *Error {
	said, body := r.oauthError()
	for _, name := range []string{"trace_id", "correlation_id"} {
		if id, ok := body.String(name); ok && r.requestID == "" {
			r.requestID = id
		}
	}
	code := aadsts(body)
	if code != "" && !strings.Contains(said.text, code) {
		said.text = joined("AADSTS"+code, said.text)
	}
	switch code {
	case "50196", "90033": // a loop was detected, a transient fault
		if r.status >= 400 {
			e := r.unavailable(said)
			if code == "50196" {
				e.Hint = "Entra saw the same request too often: wait some minutes, and let jobs share a cache"
			}
			return e
		}
	}
	e := r.refused(said)
	if e.Cause != Refused {
		return e
	}
	if code == "700024" || code == "700027" {
		e.Retries = 1 // a new assertion helps when the old one was late, or its key new
	}
	h := x.hint(code, a)
	h.otherwise(r, a, "AWF_AUTH_AZURE_TOKEN_URL (--azure-token-url), a whole URL, or AZURE_AUTHORITY_HOST, a base")
	e.Hint = h.String()
	return e
}

// aadsts is the first of error_codes, else the number in the text; empty when
// there is neither.
func aadsts(body strictjson.Map) string {
	codes, _ := body["error_codes"].([]any)
	for _, c := range codes {
		if n, ok := c.(json.Number); ok && len(n) <= 8 && all(n.String(), isDigit) {
			return n.String()
		}
	}
	text, _ := body.String("error_description")
	_, after, ok := strings.Cut(text, "AADSTS")
	if !ok {
		return ""
	}
	n := 0
	for n < len(after) && n < 8 && isDigit(after[n]) {
		n++
	}
	return after[:n]
}

func (x *Azure) hint(code string, a Assertion) hints {
	var h hints
	compare := "compare the federated identity credential of client " + x.p.ClientID + " with what was presented: " + presented(a)
	switch code {
	case "70021":
		h.add(compare)
		h.add("a new federated identity credential takes some minutes to work")
	case "700211":
		h.add("the issuer is not that of the federated identity credential (GitHub Enterprise Server and enterprises have their own): " + presented(a))
	case "7002121", "700227":
		h.add("the audience is not that of the federated identity credential; each cloud has its own (AWF_AUTH_AZURE_CLOUD, --azure-cloud), and AWF_AUTH_OIDC_AUDIENCE (--oidc-audience) sets another: " + presented(a))
	case "700213":
		h.add("the subject is not that of the federated identity credential, where case counts: " + presented(a))
		if form := subjectForm(a); form != "" {
			h.add(form)
		}
	case "7002131":
		h.add("the expression of the flexible federated identity credential did not match: " + presented(a))
	case "70025":
		h.add("client " + x.p.ClientID + " has no federated identity credential: is AWF_AUTH_AZURE_CLIENT_ID (--azure-client-id) that of the application or managed identity that has it?")
	case "700222":
		h.add("Entra does not take a token that Entra issued: use another identity source")
	case "700024":
		h.add("the assertion is outside of its time: present it sooner, or check this machine's clock")
	case "700027":
		h.add("Entra could not verify the signature with the issuer's keys; after a change of keys it takes some minutes")
	case "700021", "700023":
		h.add(compare)
	case "700016":
		h.add("client " + x.p.ClientID + " is not in tenant " + x.p.TenantID + ": check AWF_AUTH_AZURE_CLIENT_ID and AWF_AUTH_AZURE_TENANT_ID (--azure-client-id, --azure-tenant-id)")
	case "90002", "900023":
		h.add("tenant " + x.p.TenantID + " is not in this cloud: check AWF_AUTH_AZURE_TENANT_ID (--azure-tenant-id) and AWF_AUTH_AZURE_CLOUD (--azure-cloud)")
	case "7000215", "7000222":
		h.add("Entra answered as to a client secret: is this the v2.0 token endpoint?")
	case "53003":
		h.add("a Conditional Access policy blocks this client")
	case "70011":
		h.add("check AWF_AUTH_AZURE_SCOPE (--azure-scope): one resource and /.default")
	}
	return h
}

// joined puts two parts of a sentence together.
func joined(first, second string) string {
	if second == "" {
		return first
	}
	return first + ": " + second
}

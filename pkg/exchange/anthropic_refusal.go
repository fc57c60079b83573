package exchange

import "net/http"

// refusal reads both editions of the vendor's error body: the nested API error, and
// RFC 6749's, in which every rejection is a 400 with invalid_grant (WIF reference,
// older edition).
func (x *Anthropic) refusal(r *reply, a Assertion) *Error {
	said, body := r.oauthError()
	if id, ok := body.String("request_id"); ok && r.requestID == "" {
		r.requestID = id
	}
	e := r.refused(said)
	if e.Cause == Refused {
		e.Hint = x.hint(r, e.Code, a).String()
	}
	return e
}

func (x *Anthropic) hint(r *reply, code string, a Assertion) hints {
	var h hints
	switch {
	case r.status == http.StatusUnauthorized, r.status == http.StatusBadRequest && code == "invalid_grant":
		return x.rejected(r, a)
	case r.status == http.StatusBadRequest:
		h.add("check the form of AWF_AUTH_ANTHROPIC_FEDERATION_RULE_ID (fdrl_…), _ORGANIZATION_ID (a UUID), _SERVICE_ACCOUNT_ID (svac_…) and _WORKSPACE_ID (wrkspc_… or default), or the flags --anthropic-federation-rule-id and so on")
	case r.status == http.StatusForbidden:
		h.add("the service account or the workspace is not allowed by rule " + x.p.FederationRuleID + ": check both in the Console, Settings, Workload identity")
	case r.status == http.StatusNotFound, r.status == http.StatusMethodNotAllowed:
		h.add("is AWF_AUTH_ANTHROPIC_TOKEN_URL (--anthropic-token-url) the whole URL of the token endpoint, " + anthropicTokenURL + "?")
	case r.status == http.StatusRequestEntityTooLarge:
		h.add("the assertion is too large: leave out claims that the rule does not need")
	case r.status >= 300 && r.status < 400:
		h.add("give the final URL in AWF_AUTH_ANTHROPIC_TOKEN_URL (--anthropic-token-url): an assertion is never sent where it was not addressed")
	}
	h.otherwise(r, a, "AWF_AUTH_ANTHROPIC_TOKEN_URL (--anthropic-token-url), the whole URL")
	return h
}

// rejected is for the opaque answer, the same for every reason (WIF reference,
// "Exchange errors"): what was presented, and the reasons in the order in which
// people meet them.
func (x *Anthropic) rejected(r *reply, a Assertion) hints {
	var h hints
	h.add("compare rule " + x.p.FederationRuleID + " with what was presented: " + presented(a))
	if late := expired(a, r.got); late != "" {
		h.add(late)
	}
	if form := subjectForm(a); form != "" {
		h.add(form)
	}
	if x.p.WorkspaceID == "" {
		h.add("if the rule covers more than one workspace, set AWF_AUTH_ANTHROPIC_WORKSPACE_ID (--anthropic-workspace-id)")
	}
	if x.SingleUse(a) && !a.Minted {
		h.add("an assertion is accepted once: another program may have presented this one before (history: jti_reused)")
	}
	h.add("the reason is in the Console, Settings, Workload identity, history; no entry there means that the rule or organization id is not known")
	return h
}

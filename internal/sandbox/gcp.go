package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Google Cloud hosts and endpoints.
const (
	HostGCP Host = "gcp"     // sts.googleapis.com
	HostIAM Host = "gcp-iam" // iamcredentials.googleapis.com

	GCPToken            Endpoint = "gcp.token"
	GenerateAccessToken Endpoint = "gcp-iam.generate_access_token"
)

const (
	tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693 section 2.1
	accessToken   = "urn:ietf:params:oauth:token-type:access_token"   // RFC 8693 section 3
	jwtType       = "urn:ietf:params:oauth:token-type:jwt"
	idTokenType   = "urn:ietf:params:oauth:token-type:id_token"
	cloudPlatform = "https://www.googleapis.com/auth/cloud-platform"
	iamScope      = "https://www.googleapis.com/auth/iam"
)

// gcp is Google's Security Token Service.
func gcp(s *Sandbox) vendor {
	return vendor{
		name: HostGCP,
		has:  []Endpoint{GCPToken},
		route: func(r *request) (Endpoint, handler) {
			if r.path == "/v1/token" {
				return GCPToken, s.gcpToken
			}
			return HostGCP.unknown(), func(*request) *reply { return googleError(404, "Requested entity was not found.") }
		},
		limit:    func(Endpoint) int64 { return 1 << 20 },
		tooLarge: func(*request) *reply { return googleError(413, "Request payload size exceeds the limit") },
		failure: func(*request) failure {
			return func(status int, code string) *reply {
				if status >= 500 || status == 429 {
					return googleError(status, http.StatusText(status))
				}
				return respondJSON(status, map[string]string{"error": cmpOr(code, "invalid_request"), "error_description": http.StatusText(status)})
			}
		},
		arrived: func(r *request) {
			if r.endpoint == GCPToken {
				form, _ := gcpForm(r)
				s.arrive(r, "gcp", form.Get("subject_token"))
			}
		},
	}
}

// gcpForm reads a form, or JSON with names in either case, as the service does.
func gcpForm(r *request) (url.Values, *refusal) {
	bad := func(text string) *refusal { return &refusal{reason: "invalid_request", detail: text, status: 400} }
	switch r.contentType() {
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(r.body))
		if err != nil {
			return nil, bad("Malformed form")
		}
		for name, values := range form {
			if len(values) != 1 {
				return nil, bad(name + " is given twice")
			}
		}
		return form, nil
	case "application/json":
		var object map[string]string
		if err := json.Unmarshal(r.body, &object); err != nil {
			return nil, bad("Malformed JSON")
		}
		form := url.Values{}
		for name, value := range object {
			form.Set(snake(name), value)
		}
		return form, nil
	}
	return nil, bad("Content-Type")
}

// snake turns subjectToken into subject_token.
func snake(name string) string {
	var b strings.Builder
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// gcpToken answers the STS token method (Google Cloud, "Method: token").
func (s *Sandbox) gcpToken(r *request) *reply {
	pool := s.Pool()
	form, no := gcpForm(r)
	if no == nil {
		no = gcpParameters(r, form, pool)
	}
	if no != nil {
		return s.refuseGCP(r, nil, no)
	}
	a, no := s.verify(form.Get("subject_token"), demand{
		algs: asymmetric[:4], kid: true, require: []string{"sub", "aud", "iat", "exp"}, maxLife: 24 * time.Hour})
	if no != nil {
		return s.refuseGCP(r, a, &refusal{reason: "invalid_grant", detail: gcpAssertion(a, no), code: no.reason})
	}
	if no := pool.admits(a, s.Now()); no != nil {
		return s.refuseGCP(r, a, no)
	}
	now := s.Now()
	life := min(a.remaining(now), 600)
	token := newToken("gcp")
	s.grant(token, &grant{provider: "gcp", identity: r.identity, subject: a.sub, scope: form.Get("scope"),
		expires: now.Add(time.Duration(life) * time.Second), attrs: map[string]string{"federated": "true"}})
	s.accepted(r, "gcp", a)
	return respondJSON(http.StatusOK, map[string]any{
		"access_token": token, "issued_token_type": accessToken, "token_type": "Bearer", "expires_in": life,
	}).with("Cache-Control", "no-cache, no-store")
}

func gcpParameters(r *request, form url.Values, pool Pool) *refusal {
	bad := func(text string) *refusal { return &refusal{reason: "invalid_request", detail: text, status: 400} }
	switch {
	case r.method != http.MethodPost:
		return &refusal{reason: "invalid_request", detail: "POST", status: http.StatusMethodNotAllowed}
	case r.header.Get("Authorization") != "":
		return bad("Client authentication is not for workload identity pools")
	case form.Get("grant_type") != tokenExchange:
		return &refusal{reason: "unsupported_grant_type", detail: form.Get("grant_type"), status: 400}
	case form.Get("requested_token_type") != accessToken:
		return bad("Invalid requested_token_type")
	case form.Get("subject_token_type") != jwtType && form.Get("subject_token_type") != idTokenType:
		return bad("Invalid subject_token_type")
	case form.Get("subject_token") == "":
		return bad("Missing subject_token")
	case form.Get("scope") == "":
		return bad("Missing scope")
	case form.Has("options") && !json.Valid([]byte(form.Get("options"))):
		return bad("Invalid options")
	}
	for scope := range strings.SplitSeq(form.Get("scope"), " ") {
		if !strings.HasPrefix(scope, "https://www.googleapis.com/auth/") {
			return &refusal{reason: "invalid_scope", detail: scope, status: 400}
		}
	}
	if form.Get("audience") != "//iam."+pool.UniverseDomain+"/"+pool.Provider {
		return &refusal{reason: "invalid_target", status: 400,
			detail: "The target service indicated by the \"audience\" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist."}
	}
	return nil
}

// gcpAssertion is what the service says about a JWT that it refuses.
func gcpAssertion(a *assertion, no *refusal) string {
	switch {
	case a != nil && (no.reason == "expired" || no.reason == "lifetime"):
		return "ID Token issued at " + strconv.FormatInt(int64(a.iat), 10) + " is stale to sign-in."
	case no.reason == "issuer":
		return "The issuer in ID Token " + no.detail + " does not match the expected ones."
	}
	return "Error in the ID Token: " + no.reason + "."
}

// admits asks the provider's audiences and attribute condition.
func (p Pool) admits(a *assertion, now time.Time) *refusal {
	known := false
	for _, aud := range a.aud {
		known = known || slices.Contains(p.Audiences, aud)
	}
	switch {
	case !known:
		return &refusal{reason: "invalid_grant", code: "audience",
			detail: "The audience in ID Token [" + strings.Join(a.aud, ",") + "] does not match the expected audience."}
	case float64(now.Unix())-a.iat > p.MaxAge.Seconds():
		return &refusal{reason: "invalid_grant", code: "stale", detail: gcpAssertion(a, refuse("expired", ""))}
	}
	for name, want := range p.Condition {
		if got, ok := a.claims[name].(string); !ok || got != want {
			return &refusal{reason: "unauthorized_client", code: "condition", status: http.StatusUnauthorized,
				detail: "The given credential is rejected by the attribute condition."}
		}
	}
	return nil
}

// refuseGCP has the shape of RFC 6749. The history's reason is the service's
// code, or a finer word of ours where the code says too little.
func (s *Sandbox) refuseGCP(r *request, a *assertion, no *refusal) *reply {
	status := no.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	s.refused(r, "gcp", a, refuse(cmpOr(no.code, no.reason), no.detail), status, "")
	return respondJSON(status, map[string]string{"error": no.reason, "error_description": no.detail})
}

// googleStatus are the names of the statuses (google.rpc.Code).
var googleStatus = map[int]string{
	400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED",
	429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}

// googleError is the error object of Google's APIs (AIP-193).
func googleError(status int, text string) *reply {
	return respondJSON(status, map[string]any{"error": map[string]any{
		"code": status, "message": text, "status": cmpOr(googleStatus[status], "UNKNOWN")}})
}

package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// openaiAuth is auth.openai.com.
func openaiAuth(s *Sandbox) vendor {
	return vendor{
		name: HostOpenAIAuth,
		has:  []Endpoint{OpenAIToken},
		route: func(r *request) (Endpoint, handler) {
			if r.path == "/oauth/token" {
				return OpenAIToken, s.openAIToken
			}
			return HostOpenAIAuth.unknown(), func(*request) *reply { return openAIError(404, "invalid_request_error", "not_found", "Not found") }
		},
		limit: func(Endpoint) int64 { return 1 << 20 },
		tooLarge: func(*request) *reply {
			return openAIError(413, "invalid_request_error", "request_too_large", "Too large")
		},
		failure: func(*request) failure {
			return func(status int, code string) *reply {
				names := map[int]string{401: "invalid_client", 403: "unauthorized_client", 429: "rate_limit_exceeded"}
				if status >= 500 {
					names[status] = "server_error"
				}
				return respondJSON(status, map[string]string{"error": cmpOr(code, names[status], "invalid_request"),
					"error_description": http.StatusText(status)}).with("X-Request-Id", newRequestID())
			}
		},
		arrived: func(r *request) {
			if r.endpoint == OpenAIToken {
				var body struct {
					Token string `json:"subject_token"`
				}
				_ = json.Unmarshal(r.body, &body) // a body that cannot be read bears no assertion
				s.arrive(r, "openai", body.Token)
			}
		},
	}
}

// openAIToken answers the token exchange (OpenAI, "Workload identity federation").
func (s *Sandbox) openAIToken(r *request) *reply {
	m := s.Mapping()
	var body map[string]string
	if no := readOpenAI(r, &body, m); no != nil {
		return s.refuseOpenAI(r, nil, no)
	}
	a, no := s.verify(body["subject_token"], demand{
		algs: asymmetric[:6], kid: true, require: []string{"sub", "aud", "iat", "exp"}, skew: 30 * time.Second})
	if no != nil {
		code := "invalid_subject_token"
		if no.reason == "expired" || no.reason == "not_yet_valid" {
			code = "invalid_grant"
		}
		return s.refuseOpenAI(r, a, &refusal{reason: no.reason, detail: no.detail, code: code, status: 400})
	}
	fresh := s.consume("openai", a)
	prefix, open := strings.CutSuffix(m.Subject, "*")
	switch {
	case !slices.Contains(a.aud, m.Audience):
		return s.refuseOpenAI(r, a, &refusal{reason: "audience", detail: strings.Join(a.aud, " "), code: "invalid_grant", status: 400})
	case a.sub != prefix && !(open && strings.HasPrefix(a.sub, prefix)):
		return s.refuseOpenAI(r, a, &refusal{reason: "subject", detail: a.sub, code: "unauthorized_client", status: 403})
	case m.SingleUse && !fresh && a.jti != "":
		return s.refuseOpenAI(r, a, &refusal{reason: "jti_reused", code: "invalid_grant", status: 400})
	}
	now := s.Now()
	life := max(1, min(3600, a.remaining(now)))
	token := newToken("openai")
	s.grant(token, &grant{provider: "openai", identity: r.identity, subject: a.sub, scope: m.Scope, expires: now.Add(time.Duration(life) * time.Second)})
	answer := map[string]any{"access_token": token, "issued_token_type": accessToken, "token_type": "Bearer", "expires_in": life}
	if m.Scope != "" {
		answer["scope"] = m.Scope
	}
	return respondJSON(http.StatusOK, answer).with("X-Request-Id", s.accepted(r, "openai", a)).with("Cache-Control", "no-store")
}

func readOpenAI(r *request, body *map[string]string, m Mapping) *refusal {
	bad := func(reason, detail string) *refusal {
		return &refusal{reason: reason, detail: detail, code: "invalid_request", status: 400}
	}
	switch {
	case r.method != http.MethodPost:
		return &refusal{reason: "method", code: "invalid_request", status: http.StatusMethodNotAllowed}
	case r.contentType() != "application/json":
		return bad("content_type", r.contentType())
	}
	if err := json.Unmarshal(r.body, body); err != nil {
		return bad("not_json", err.Error())
	}
	for _, name := range []string{"grant_type", "subject_token_type", "subject_token", "identity_provider_id", "service_account_id"} {
		if (*body)[name] == "" {
			return bad("missing_field", name)
		}
	}
	kind := (*body)["subject_token_type"]
	switch {
	case (*body)["grant_type"] != tokenExchange:
		return &refusal{reason: "grant_type", code: "unsupported_grant_type", status: 400}
	case kind != jwtType && kind != idTokenType:
		return bad("subject_token_type", kind)
	case (*body)["identity_provider_id"] != m.IdentityProviderID:
		return &refusal{reason: "identity_provider", code: "invalid_client", status: 401}
	case (*body)["service_account_id"] != m.ServiceAccountID:
		return &refusal{reason: "service_account", code: "unauthorized_client", status: 403}
	}
	return nil
}

func (s *Sandbox) refuseOpenAI(r *request, a *assertion, no *refusal) *reply {
	id := newRequestID()
	s.refused(r, "openai", a, no, no.status, id)
	return respondJSON(no.status, map[string]string{"error": no.code, "error_description": no.reason + " " + no.detail}).with("X-Request-Id", id)
}

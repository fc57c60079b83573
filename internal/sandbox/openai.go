package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// OpenAI hosts and endpoints.
const (
	HostOpenAIAuth Host = "openai-auth" // auth.openai.com
	HostOpenAI     Host = "openai"      // api.openai.com

	OpenAIToken     Endpoint = "openai-auth.token"
	OpenAIResponses Endpoint = "openai.responses"
	OpenAIChat      Endpoint = "openai.chat_completions"
	OpenAIModels    Endpoint = "openai.models"
	OpenAIRealtime  Endpoint = "openai.realtime"
	OpenAIEcho      Endpoint = "openai.echo"
)

// Mapping is an OpenAI identity provider and its mapping to a service account.
// Empty fields get the values that OpenAIEnv names.
type Mapping struct {
	IdentityProviderID string // idp_...
	ServiceAccountID   string
	Audience           string // https://api.openai.com/v1
	// Subject must equal sub, or begin it if it ends in an asterisk; empty means
	// the owner of the first job's repository, and an asterisk.
	Subject string
	// Scope, if set, restricts what the token may do, and is told.
	Scope string
	// SingleUse refuses an assertion that came before, which is optional there.
	SingleUse bool
}

// SetMapping replaces the mapping.
func (s *Sandbox) SetMapping(m Mapping) {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&m.IdentityProviderID, "idp_01SandboxProvider")
	set(&m.ServiceAccountID, "user-SandboxServiceAccount")
	set(&m.Audience, "https://api.openai.com/v1")
	set(&m.Subject, ownerPrefix(s.Job()))
	s.mu.Lock()
	s.mapping = m
	s.mu.Unlock()
}

// Mapping is the mapping as it is now.
func (s *Sandbox) Mapping() Mapping {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mapping
}

// OpenAIEnv points a client at the mapping.
func (s *Sandbox) OpenAIEnv() []string {
	m := s.Mapping()
	return []string{
		"AWF_AUTH_TYPE=github-oidc",
		"AWF_AUTH_PROVIDER=openai",
		"AWF_AUTH_OIDC_AUDIENCE=" + m.Audience,
		"AWF_AUTH_OPENAI_IDENTITY_PROVIDER_ID=" + m.IdentityProviderID,
		"AWF_AUTH_OPENAI_SERVICE_ACCOUNT_ID=" + m.ServiceAccountID,
		"AWF_AUTH_OPENAI_TOKEN_URL=" + s.URL(HostOpenAIAuth) + "/oauth/token",
	}
}

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

// openai is api.openai.com.
func openai(s *Sandbox) vendor {
	return vendor{
		name: HostOpenAI,
		has:  []Endpoint{OpenAIResponses, OpenAIChat, OpenAIModels, OpenAIRealtime, OpenAIEcho},
		route: func(r *request) (Endpoint, handler) {
			switch r.path {
			case "/v1/responses":
				return OpenAIResponses, s.openAICall
			case "/v1/chat/completions":
				return OpenAIChat, s.openAICall
			case "/v1/models":
				return OpenAIModels, s.openAICall
			case "/v1/realtime":
				return OpenAIRealtime, s.realtime
			case "/echo":
				return OpenAIEcho, s.echo
			}
			return HostOpenAI.unknown(), func(r *request) *reply {
				return openAIError(404, "invalid_request_error", "unknown_url", "Unknown request URL: "+r.method+" "+r.path)
			}
		},
		limit: func(Endpoint) int64 { return 32 << 20 },
		tooLarge: func(*request) *reply {
			return openAIError(413, "invalid_request_error", "request_too_large", "Too large")
		},
		failure: func(*request) failure {
			return func(status int, code string) *reply {
				kind := "invalid_request_error"
				if status >= 500 {
					kind = "server_error"
				}
				return openAIError(status, kind, code, http.StatusText(status))
			}
		},
		arrived: func(r *request) {
			if r.endpoint != OpenAIEcho && r.endpoint != HostOpenAI.unknown() {
				s.arriveAPI(r, "openai")
			}
		},
	}
}

func openAIError(status int, kind, code, text string) *reply {
	var named any
	if code != "" {
		named = code
	}
	return respondJSON(status, map[string]any{"error": map[string]any{"message": text, "type": kind, "param": nil, "code": named}}).
		with("X-Request-Id", newRequestID())
}

func openAIModel(id string) map[string]any {
	return map[string]any{"id": id, "object": "model", "created": 1754000000, "owned_by": "openai"}
}

// openAICall answers the API: a bearer that was granted, or the static key.
func (s *Sandbox) openAICall(r *request) *reply {
	method := http.MethodPost
	if r.endpoint == OpenAIModels {
		method = http.MethodGet
	}
	if r.method != method {
		return openAIError(http.StatusMethodNotAllowed, "invalid_request_error", "method_not_supported", "Not allowed to "+r.method+" on "+r.path+".")
	}
	if no := s.openAICredential(r); no != nil {
		return s.refuseAPI(r, "openai", no, openAIError(http.StatusUnauthorized, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."))
	}
	s.admit(r, "openai")
	if r.endpoint == OpenAIModels {
		return respondJSON(http.StatusOK, map[string]any{"object": "list", "data": []any{openAIModel("gpt-5"), openAIModel("gpt-5-mini")}})
	}
	fail := func(status int, text string) *reply { return openAIError(status, "invalid_request_error", "", text) }
	var body map[string]json.RawMessage
	if err := json.Unmarshal(r.body, &body); err != nil || r.contentType() != "application/json" {
		return fail(http.StatusBadRequest, "We could not parse the JSON body of your request.")
	}
	if r.endpoint == OpenAIResponses {
		return s.responses(r, body, fail)
	}
	if body["model"] == nil {
		return fail(http.StatusBadRequest, "you must provide a model parameter")
	}
	return s.chat(r, body, fail)
}

func (s *Sandbox) openAICredential(r *request) *refusal {
	token, ok := r.bearer()
	switch {
	case !ok:
		return refuse("credential_missing", "")
	case len(r.header["Api-Key"])+len(r.header["X-Api-Key"]) > 0:
		return refuse("two_credentials", "")
	case s.cfg.APIKey != "" && token == s.cfg.APIKey:
		return nil
	}
	_, no := s.granted("openai", token)
	return no
}

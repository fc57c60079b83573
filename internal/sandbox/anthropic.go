package sandbox

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"
)

const (
	jwtBearer      = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523 section 2.1
	maxAssertion   = 16 << 10                                      // Anthropic WIF reference, "Assertion"
	maxTokenBody   = 1 << 20
	maxMessageBody = 32 << 20 // Anthropic API, request size limits
)

// The forms of the ids in a request (Anthropic WIF reference).
var (
	ruleForm      = regexp.MustCompile(`^fdrl_[A-Za-z0-9]{1,64}$`)
	accountForm   = regexp.MustCompile(`^svac_[A-Za-z0-9]{1,64}$`)
	workspaceForm = regexp.MustCompile(`^(wrkspc_[A-Za-z0-9]{1,64}|default)$`)
	uuidForm      = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

// anthropic is api.anthropic.com: the token endpoint and the API beside it.
func anthropic(s *Sandbox) vendor {
	return vendor{
		name: HostAnthropic,
		has:  []Endpoint{AnthropicToken, Messages, CountTokens, Models, AnthropicRoot, AnthropicEcho},
		route: func(r *request) (Endpoint, handler) {
			switch r.path {
			case "/v1/oauth/token":
				return AnthropicToken, s.anthropicToken
			case "/v1/messages":
				return Messages, s.messages
			case "/v1/messages/count_tokens":
				return CountTokens, s.countTokens
			case "/v1/models":
				return Models, s.models
			case "/":
				return AnthropicRoot, func(*request) *reply { return nestedError(404, "not_found_error", "Not found") }
			case "/echo":
				return AnthropicEcho, s.echo
			}
			return HostAnthropic.unknown(), func(*request) *reply { return nestedError(404, "not_found_error", "Not found") }
		},
		limit: func(e Endpoint) int64 {
			if e == AnthropicToken {
				return maxTokenBody
			}
			return maxMessageBody
		},
		failure: func(r *request) failure { return s.anthropicFailure(r.endpoint) },
		tooLarge: func(*request) *reply {
			return nestedError(413, "request_too_large", "Request exceeds the maximum size")
		},
		arrived: func(r *request) {
			switch r.endpoint {
			case AnthropicToken:
				var body struct{ Assertion string }
				_ = json.Unmarshal(r.body, &body) // a body that cannot be read bears no assertion
				s.arrive(r, "anthropic", body.Assertion)
			case Messages, CountTokens, Models:
				s.arriveAPI(r, "anthropic")
			}
		},
	}
}

// arriveAPI counts a call and finds out on whose behalf it is made.
func (s *Sandbox) arriveAPI(r *request, provider string) {
	if token, ok := r.bearer(); ok {
		if g, _ := s.granted(provider, token); g != nil {
			r.identity = g.identity
		}
	}
	s.count(provider, r.identity, func(t *Tally) { t.APIRequests++ })
}

// anthropicToken answers POST /v1/oauth/token as the vendor's reference has it.
func (s *Sandbox) anthropicToken(r *request) *reply {
	body, no := readExchange(r)
	if no != nil {
		return s.refuseExchange(r, nil, no)
	}
	rule := s.rule(*body.FederationRuleID)
	a, no := s.verify(*body.Assertion, demand{
		algs: asymmetric, kid: true, require: []string{"sub", "iat", "exp"}, skew: 30 * time.Second,
		maxLife: maxLife(rule),
	})
	if no != nil {
		return s.refuseExchange(r, a, no)
	}
	// Whether a refused exchange uses the assertion up is not documented; we
	// assume that it does, from the moment its signature was found good.
	fresh := s.consume("anthropic", a)
	workspace, no := grantable(rule, body, a)
	if no == nil && a.jti != "" && !fresh && !rule.AllowReuse {
		no = refuse("jti_reused", a.jti)
	}
	if no != nil {
		return s.refuseExchange(r, a, no)
	}
	return s.grantAnthropic(r, rule, workspace, a)
}

func (s *Sandbox) rule(id string) *Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rules[id]; r != nil {
		copied := *r
		return &copied
	}
	return nil
}

func maxLife(r *Rule) time.Duration {
	if r == nil {
		return time.Hour
	}
	return r.MaxAssertionLife
}

// grantable checks the request against the rule and chooses the workspace.
func grantable(rule *Rule, b *exchangeRequest, a *assertion) (string, *refusal) {
	account := ""
	if b.ServiceAccountID != nil {
		account = *b.ServiceAccountID
	}
	switch {
	case rule == nil:
		return "", refuse("rule_unknown", *b.FederationRuleID)
	case !strings.EqualFold(rule.OrganizationID, *b.OrganizationID):
		return "", refuse("organization", *b.OrganizationID)
	case account == "" && !rule.UserTarget:
		return "", &refusal{reason: "missing_field", detail: "service_account_id", status: http.StatusBadRequest}
	case account != rule.ServiceAccountID:
		return "", refuse("service_account", account)
	}
	if no := rule.matches(a); no != nil {
		return "", no
	}
	asked := ""
	if b.WorkspaceID != nil {
		asked = *b.WorkspaceID
	}
	return rule.workspace(asked)
}

func (s *Sandbox) grantAnthropic(r *request, rule *Rule, workspace string, a *assertion) *reply {
	now := s.Now()
	seconds := rule.lifetime(a.remaining(now))
	token := newToken("anthropic")
	s.grant(token, &grant{
		provider: "anthropic", identity: r.identity, subject: a.sub, scope: rule.Scope,
		expires: now.Add(time.Duration(seconds) * time.Second), attrs: map[string]string{"workspace": workspace},
	})
	id := s.accepted(r, "anthropic", a)
	return respondJSON(http.StatusOK, struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
		Scope       string `json:"scope"`
	}{token, "Bearer", seconds, rule.Scope}).with("Request-Id", id).with("Cache-Control", "no-store")
}

// refuseExchange answers opaquely, in the edition that the Config chose, and
// writes the reason into the history: all but unknown rules, as the vendor's
// console does, are for the operator only.
func (s *Sandbox) refuseExchange(r *request, a *assertion, no *refusal) *reply {
	status, kind, message := no.status, "invalid_request_error", no.reason+": "+no.detail
	if status == 0 {
		status, kind, message = http.StatusUnauthorized, "authentication_error", "Authentication failed"
	}
	id := newRequestID()
	p := nestedErrorID(status, kind, message, id)
	if s.cfg.RFC6749Errors && status != http.StatusMethodNotAllowed {
		p = rfc6749Error(no, id)
		status = p.status
	}
	if status == http.StatusMethodNotAllowed {
		p.with("Allow", "POST")
	}
	s.refused(r, "anthropic", a, no, status, id)
	return p
}

func rfc6749Error(no *refusal, id string) *reply {
	body := map[string]string{"error": "invalid_grant"}
	if no.status != 0 {
		body = map[string]string{"error": "invalid_request", "error_description": no.reason + ": " + no.detail}
	}
	return respondJSON(http.StatusBadRequest, body).with("Request-Id", id)
}

// accepted counts a granted exchange and returns the request's id.
func (s *Sandbox) accepted(r *request, provider string, a *assertion) string {
	id := newRequestID()
	s.count(provider, r.identity, func(t *Tally) { t.Accepted++ })
	s.event(Event{Endpoint: r.endpoint, Accepted: true, Status: http.StatusOK, Identity: r.identity,
		Subject: a.sub, JTI: a.jti, RequestID: id})
	return id
}

// refused counts a refused exchange.
func (s *Sandbox) refused(r *request, provider string, a *assertion, no *refusal, status int, id string) {
	s.count(provider, r.identity, func(t *Tally) { t.Refused++ })
	e := Event{Endpoint: r.endpoint, Reason: no.reason, Detail: no.detail, Status: status, Identity: r.identity, RequestID: id}
	if a != nil {
		e.Subject, e.JTI = a.sub, a.jti
	}
	s.event(e)
}

// anthropicFailure makes the error object that the API sends with a status
// (Anthropic API, "Errors").
func (s *Sandbox) anthropicFailure(e Endpoint) failure {
	return func(status int, code string) *reply {
		if code == "" {
			code = anthropicErrors[status]
		}
		switch {
		case code == "" && status < 500:
			code = "invalid_request_error"
		case code == "":
			code = "api_error"
		}
		if e == AnthropicToken && s.cfg.RFC6749Errors && status < 500 {
			return respondJSON(status, map[string]string{"error": code}).with("Request-Id", newRequestID())
		}
		message := http.StatusText(status)
		switch {
		case status == 529:
			message = "Overloaded"
		case status == 401 && e == AnthropicToken:
			message = "Authentication failed"
		}
		return nestedError(status, code, message)
	}
}

var anthropicErrors = map[int]string{
	401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error",
	413: "request_too_large", 429: "rate_limit_error", 504: "timeout_error", 529: "overloaded_error",
}

func newRequestID() string { return "req_" + randomText(18) }

// nestedError is the error object of Anthropic's API.
func nestedError(status int, kind, message string) *reply {
	return nestedErrorID(status, kind, message, newRequestID())
}

func nestedErrorID(status int, kind, message, id string) *reply {
	return respondJSON(status, map[string]any{
		"type": "error", "error": map[string]string{"type": kind, "message": message}, "request_id": id,
	}).with("Request-Id", id)
}

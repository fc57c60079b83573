package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
)

// messageRequest is what the Messages API insists on.
type messageRequest struct {
	Model     string            `json:"model"`
	MaxTokens int               `json:"max_tokens"`
	Messages  []json.RawMessage `json:"messages"`
	Stream    bool              `json:"stream"`
}

// messages answers POST /v1/messages.
func (s *Sandbox) messages(r *request) *reply {
	if p := s.admitAnthropic(r, http.MethodPost); p != nil {
		return p
	}
	var m messageRequest
	if p := readMessage(r, &m, true); p != nil {
		return p
	}
	if m.Stream {
		return s.eventStream(r, messageSequence(m.Model), namedEvent).with("Request-Id", newRequestID())
	}
	text := strings.Join(s.words(r), "")
	return respondJSON(http.StatusOK, message(m.Model, text)).with("Request-Id", newRequestID())
}

func message(model, text string) map[string]any {
	return map[string]any{
		"id": "msg_" + randomText(18), "type": "message", "role": "assistant", "model": model,
		"content":     []map[string]string{{"type": "text", "text": text}},
		"stop_reason": "end_turn", "stop_sequence": nil,
		"usage": map[string]int{"input_tokens": 12, "output_tokens": 6},
	}
}

// countTokens answers POST /v1/messages/count_tokens.
func (s *Sandbox) countTokens(r *request) *reply {
	if p := s.admitAnthropic(r, http.MethodPost); p != nil {
		return p
	}
	var m messageRequest
	if p := readMessage(r, &m, false); p != nil {
		return p
	}
	return respondJSON(http.StatusOK, map[string]int{"input_tokens": 12}).with("Request-Id", newRequestID())
}

// models answers GET /v1/models.
func (s *Sandbox) models(r *request) *reply {
	if p := s.admitAnthropic(r, http.MethodGet); p != nil {
		return p
	}
	model := func(id, name string) map[string]string {
		return map[string]string{"type": "model", "id": id, "display_name": name, "created_at": "2025-10-01T00:00:00Z"}
	}
	data := []map[string]string{model("claude-sonnet-4-5", "Claude Sonnet 4.5"), model("claude-haiku-4-5", "Claude Haiku 4.5")}
	return respondJSON(http.StatusOK, map[string]any{
		"data": data, "has_more": false, "first_id": data[0]["id"], "last_id": data[1]["id"],
	}).with("Request-Id", newRequestID())
}

func readMessage(r *request, m *messageRequest, bounded bool) *reply {
	bad := func(text string) *reply { return nestedError(http.StatusBadRequest, "invalid_request_error", text) }
	if r.contentType() != "application/json" {
		return bad("content-type: must be application/json")
	}
	if err := json.Unmarshal(r.body, m); err != nil {
		return bad("The request body is not valid JSON: " + err.Error())
	}
	switch {
	case m.Model == "":
		return bad("model: Field required")
	case len(m.Messages) == 0:
		return bad("messages: Field required")
	case bounded && m.MaxTokens < 1:
		return bad("max_tokens: Field required")
	}
	return nil
}

// admitAnthropic lets a call in: one Authorization header with a token that was
// granted, has not expired and is not revoked, and no x-api-key beside it; or
// the static key in x-api-key alone.
func (s *Sandbox) admitAnthropic(r *request, method string) *reply {
	if r.method != method {
		return nestedError(http.StatusMethodNotAllowed, "invalid_request_error", "Method Not Allowed").with("Allow", method)
	}
	g, no := s.anthropicCredential(r)
	if no != nil {
		return s.refuseAPI(r, "anthropic", no, nestedError(http.StatusUnauthorized, "authentication_error", "invalid bearer token"))
	}
	if g != nil && g.scope != "workspace:developer" && g.scope != "workspace:inference" {
		return s.refuseAPI(r, "anthropic", refuse("scope", g.scope),
			nestedError(http.StatusForbidden, "permission_error", "The token's scope does not allow this request"))
	}
	if r.header.Get("Anthropic-Version") == "" {
		return nestedError(http.StatusBadRequest, "invalid_request_error", "anthropic-version: header is required")
	}
	s.admit(r, "anthropic")
	return nil
}

// anthropicCredential is the grant that the request bears; nil for the static key.
func (s *Sandbox) anthropicCredential(r *request) (*grant, *refusal) {
	_, both := r.header["X-Api-Key"]
	if len(r.header["Authorization"]) == 0 {
		if keys := r.header["X-Api-Key"]; s.cfg.APIKey != "" && len(keys) == 1 && keys[0] == s.cfg.APIKey {
			return nil, nil
		}
		return nil, refuse("credential_missing", "")
	}
	token, ok := r.bearer()
	if !ok {
		return nil, refuse("credential_form", "")
	}
	if both {
		return nil, refuse("two_credentials", "")
	}
	if s.cfg.RequireOAuthBeta && !strings.Contains(strings.Join(r.header["Anthropic-Beta"], ","), "oauth-2025-04-20") {
		return nil, refuse("oauth_beta", "")
	}
	return s.granted("anthropic", token)
}

// admit counts a call that was let in.
func (s *Sandbox) admit(r *request, provider string) {
	s.count(provider, r.identity, func(t *Tally) { t.APIAccepted++ })
	s.event(Event{Endpoint: r.endpoint, Accepted: true, Status: http.StatusOK, Identity: r.identity})
}

// refuseAPI counts a call that was not, and returns its answer.
func (s *Sandbox) refuseAPI(r *request, provider string, no *refusal, p *reply) *reply {
	s.count(provider, r.identity, func(t *Tally) { t.APIRefused++ })
	s.event(Event{Endpoint: r.endpoint, Reason: no.reason, Detail: no.detail, Status: p.status, Identity: r.identity})
	return p
}

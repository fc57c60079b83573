package sandbox

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// Azure OpenAI and Claude on Foundry, which share a resource's host name.
const (
	HostFoundry Host = "foundry" // RESOURCE.openai.azure.com, RESOURCE.services.ai.azure.com

	FoundryChat      Endpoint = "foundry.chat_completions"
	FoundryResponses Endpoint = "foundry.responses"
	FoundryModels    Endpoint = "foundry.models"
	FoundryMessages  Endpoint = "foundry.messages"
	FoundryCount     Endpoint = "foundry.count_tokens"
	FoundryEcho      Endpoint = "foundry.echo"
)

var (
	deploymentPath = regexp.MustCompile(`^/openai/deployments/[^/]+/chat/completions$`)
	apiVersion     = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(-preview)?$`)
)

// foundry is an Azure AI resource.
func foundry(s *Sandbox) vendor {
	return vendor{
		name: HostFoundry,
		has:  []Endpoint{FoundryChat, FoundryResponses, FoundryModels, FoundryMessages, FoundryCount, FoundryEcho},
		route: func(r *request) (Endpoint, handler) {
			switch {
			case deploymentPath.MatchString(r.path) || r.path == "/openai/v1/chat/completions":
				return FoundryChat, s.azureOpenAI
			case r.path == "/openai/v1/responses" || r.path == "/openai/responses":
				return FoundryResponses, s.azureOpenAI
			case r.path == "/openai/v1/models":
				return FoundryModels, s.azureOpenAI
			case r.path == "/anthropic/v1/messages":
				return FoundryMessages, s.foundryMessages
			case r.path == "/anthropic/v1/messages/count_tokens":
				return FoundryCount, s.foundryMessages
			case r.path == "/echo":
				return FoundryEcho, s.echo
			}
			return HostFoundry.unknown(), func(*request) *reply { return azureError(404, "404", "Resource not found") }
		},
		limit:    func(Endpoint) int64 { return 32 << 20 },
		tooLarge: func(*request) *reply { return azureError(413, "RequestEntityTooLarge", "Request body too large") },
		failure: func(r *request) failure {
			if strings.HasPrefix(r.path, "/anthropic/") {
				return s.anthropicFailure(r.endpoint)
			}
			return func(status int, code string) *reply {
				return azureError(status, cmpOr(code, strings.ReplaceAll(http.StatusText(status), " ", "")), http.StatusText(status))
			}
		},
		arrived: func(r *request) {
			if r.endpoint != FoundryEcho && r.endpoint != HostFoundry.unknown() {
				s.arriveAPI(r, "azure")
			}
		},
	}
}

func azureError(status int, code, text string) *reply {
	return respondJSON(status, map[string]any{"error": map[string]string{"code": code, "message": text}}).with("Apim-Request-Id", uuid())
}

// azureCredential takes a bearer token or the static key, never both. Claude on
// Foundry reads the key from x-api-key, too.
func (s *Sandbox) azureCredential(r *request) *refusal {
	var keys []string
	for _, name := range []string{"Api-Key", "X-Api-Key", "Ocp-Apim-Subscription-Key"} {
		keys = append(keys, r.header[name]...)
	}
	switch bearers := len(r.header["Authorization"]); {
	case bearers+len(keys) > 1:
		return refuse("two_credentials", "")
	case len(keys) == 1:
		anthropic := strings.HasPrefix(r.path, "/anthropic/")
		if s.cfg.APIKey == "" || keys[0] != s.cfg.APIKey || r.header.Get("Api-Key") == "" && !anthropic {
			return refuse("key_unknown", "")
		}
		return nil
	case bearers == 0:
		return refuse("credential_missing", "")
	}
	token, ok := r.bearer()
	if !ok {
		return refuse("credential_form", "")
	}
	_, no := s.granted("azure", token)
	return no
}

// azureOpenAI answers the paths of Azure OpenAI.
func (s *Sandbox) azureOpenAI(r *request) *reply {
	if no := s.azureCredential(r); no != nil {
		return s.refuseAPI(r, "azure", no, azureError(http.StatusUnauthorized, "401",
			"Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."))
	}
	version := r.query.Get("api-version")
	if !strings.HasPrefix(r.path, "/openai/v1/") && !apiVersion.MatchString(version) {
		return azureError(http.StatusNotFound, "404", "Resource not found")
	}
	method := http.MethodPost
	if r.endpoint == FoundryModels {
		method = http.MethodGet
	}
	if r.method != method {
		return azureError(http.StatusMethodNotAllowed, "405", "Method not allowed")
	}
	s.admit(r, "azure")
	if r.endpoint == FoundryModels {
		return respondJSON(http.StatusOK, map[string]any{"object": "list", "data": []any{openAIModel("gpt-5")}})
	}
	fail := func(status int, text string) *reply { return azureError(status, "invalid_request_error", text) }
	var body map[string]json.RawMessage
	if err := json.Unmarshal(r.body, &body); err != nil || r.contentType() != "application/json" {
		return fail(http.StatusBadRequest, "The request body is not valid JSON.")
	}
	if r.endpoint == FoundryResponses {
		return s.responses(r, body, fail)
	}
	return s.chat(r, body, fail)
}

// foundryMessages answers Claude on Foundry, which has the form of Anthropic's API.
func (s *Sandbox) foundryMessages(r *request) *reply {
	if no := s.azureCredential(r); no != nil {
		return s.refuseAPI(r, "azure", no, nestedError(http.StatusUnauthorized, "authentication_error", "invalid credential"))
	}
	switch {
	case r.method != http.MethodPost:
		return nestedError(http.StatusMethodNotAllowed, "invalid_request_error", "Method Not Allowed")
	case r.header.Get("Anthropic-Version") == "":
		return nestedError(http.StatusBadRequest, "invalid_request_error", "anthropic-version: header is required")
	}
	s.admit(r, "azure")
	var m messageRequest
	if p := readMessage(r, &m, r.endpoint == FoundryMessages); p != nil {
		return p
	}
	switch {
	case r.endpoint == FoundryCount:
		return respondJSON(http.StatusOK, map[string]int{"input_tokens": 12})
	case m.Stream:
		return s.eventStream(r, messageSequence(m.Model), namedEvent).with("Request-Id", newRequestID())
	}
	return respondJSON(http.StatusOK, message(m.Model, strings.Join(s.words(r), ""))).with("Request-Id", newRequestID())
}

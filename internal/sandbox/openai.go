package sandbox

import (
	"encoding/json"
	"net/http"
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

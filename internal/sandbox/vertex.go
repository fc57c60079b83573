package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Vertex AI.
const (
	HostVertex Host = "vertex" // aiplatform.googleapis.com

	VertexPredict  Endpoint = "vertex.raw_predict"      // models of other publishers, streamed or not
	VertexCount    Endpoint = "vertex.count_tokens"     // count-tokens:rawPredict
	VertexGenerate Endpoint = "vertex.generate_content" // Google's models, streamed or not
	VertexChat     Endpoint = "vertex.chat_completions" // the OpenAI-compatible endpoint
	VertexEcho     Endpoint = "vertex.echo"
)

// vertex is Vertex AI: bearer tokens, the project and location in the path.
func vertex(s *Sandbox) vendor {
	return vendor{
		name: HostVertex,
		has:  []Endpoint{VertexPredict, VertexCount, VertexGenerate, VertexChat, VertexEcho},
		route: func(r *request) (Endpoint, handler) {
			if r.path == "/echo" {
				return VertexEcho, s.echo
			}
			p, ok := vertexPath(r.path)
			switch {
			case !ok:
			case p.rest == "endpoints/openapi/chat/completions":
				return VertexChat, s.vertexCall
			case p.model == "count-tokens" && p.verb == "rawPredict":
				return VertexCount, s.vertexCall
			case p.verb == "rawPredict" || p.verb == "streamRawPredict":
				return VertexPredict, s.vertexCall
			case p.verb == "generateContent" || p.verb == "streamGenerateContent":
				return VertexGenerate, s.vertexCall
			}
			return HostVertex.unknown(), func(*request) *reply { return googleError(404, "Requested entity was not found.") }
		},
		limit:    func(Endpoint) int64 { return 32 << 20 },
		tooLarge: func(*request) *reply { return googleError(413, "Request payload size exceeds the limit") },
		failure:  googleFailure,
		arrived: func(r *request) {
			if r.endpoint != VertexEcho && r.endpoint != HostVertex.unknown() {
				s.arriveAPI(r, "gcp")
			}
		},
	}
}

// vertexTarget are the parts of
// /v1/projects/P/locations/L/publishers/U/models/M:VERB.
type vertexTarget struct {
	project, location, publisher, model, verb, rest string
}

func vertexPath(path string) (vertexTarget, bool) {
	parts := strings.SplitN(path, "/", 7)
	if len(parts) != 7 || parts[1] != "v1" && parts[1] != "v1beta1" || parts[2] != "projects" || parts[4] != "locations" {
		return vertexTarget{}, false
	}
	t := vertexTarget{project: parts[3], location: parts[5], rest: parts[6]}
	if tail := strings.Split(parts[6], "/"); len(tail) == 4 && tail[0] == "publishers" && tail[2] == "models" {
		last, err := url.PathUnescape(tail[3])
		if err != nil {
			return t, false
		}
		t.publisher = tail[1]
		t.model, t.verb, _ = strings.Cut(last, ":")
	}
	return t, true
}

func (s *Sandbox) vertexCall(r *request) *reply {
	t, _ := vertexPath(r.path)
	if p := s.admitVertex(r, t); p != nil {
		return p
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(r.body, &body); err != nil || r.contentType() != "application/json" {
		return googleError(http.StatusBadRequest, "Invalid JSON payload received.")
	}
	switch r.endpoint {
	case VertexGenerate:
		return s.generateContent(r, body, t)
	case VertexChat:
		return s.chat(r, body, func(status int, text string) *reply { return googleError(status, text) })
	}
	if t.publisher == "anthropic" {
		if !cloudVersion(body["anthropic_version"], "vertex-2023-10-16") {
			return nestedError(http.StatusBadRequest, "invalid_request_error", "anthropic_version: must be vertex-2023-10-16")
		}
		if body["model"] != nil && r.endpoint == VertexPredict {
			return nestedError(http.StatusBadRequest, "invalid_request_error", "model: Extra inputs are not permitted")
		}
	}
	if body["messages"] == nil {
		return nestedError(http.StatusBadRequest, "invalid_request_error", "messages: Field required")
	}
	if r.endpoint == VertexCount {
		return respondJSON(http.StatusOK, map[string]int{"input_tokens": 12})
	}
	if t.verb == "streamRawPredict" && string(body["stream"]) == "true" {
		return s.eventStream(r, messageSequence(t.model), namedEvent)
	}
	return respondJSON(http.StatusOK, message(t.model, strings.Join(s.words(r), "")))
}

// admitVertex checks the bearer, or for Google's own models the static key, and
// that the project is the pool's.
func (s *Sandbox) admitVertex(r *request, t vertexTarget) *reply {
	if r.method != http.MethodPost {
		return googleError(http.StatusNotFound, "Requested entity was not found.")
	}
	key := r.header.Get("X-Goog-Api-Key")
	static := s.cfg.APIKey != "" && key == s.cfg.APIKey && r.header.Get("Authorization") == "" && r.endpoint == VertexGenerate
	if !static {
		g, no := s.gcpBearer(r)
		if no == nil && !strings.Contains(g.scope, cloudPlatform) {
			return s.refuseAPI(r, "gcp", refuse("scope", g.scope), googleError(http.StatusForbidden, "Request had insufficient authentication scopes."))
		}
		if no != nil {
			return s.refuseAPI(r, "gcp", no, googleError(http.StatusUnauthorized,
				"Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential."))
		}
	}
	pool := s.Pool()
	quota := r.header.Get("X-Goog-User-Project")
	if t.project != pool.Project || quota != "" && quota != pool.Project {
		return s.refuseAPI(r, "gcp", refuse("project", t.project+" "+quota),
			googleError(http.StatusForbidden, fmt.Sprintf("Permission denied on resource project %s.", t.project)))
	}
	s.admit(r, "gcp")
	return nil
}

// generateContent answers Google's own method; streamed as server-sent events
// with alt=sse, else as a JSON array.
func (s *Sandbox) generateContent(r *request, body map[string]json.RawMessage, t vertexTarget) *reply {
	if body["contents"] == nil {
		return googleError(http.StatusBadRequest, "Unable to submit request because at least one contents field is required.")
	}
	candidate := func(text, finish string) map[string]any {
		c := map[string]any{"content": map[string]any{"role": "model", "parts": []any{map[string]string{"text": text}}}}
		if finish != "" {
			c["finishReason"] = finish
		}
		return map[string]any{"candidates": []any{c}, "modelVersion": t.model,
			"usageMetadata": map[string]int{"promptTokenCount": 12, "candidatesTokenCount": 6, "totalTokenCount": 18}}
	}
	if t.verb == "generateContent" {
		return respondJSON(http.StatusOK, candidate(strings.Join(s.words(r), ""), "STOP"))
	}
	q := sequence{
		word:  func(text string) streamEvent { return streamEvent{"", candidate(text, "")} },
		after: []streamEvent{{"end", candidate("", "STOP")}},
	}
	if r.query.Get("alt") == "sse" {
		return s.eventStream(r, q, dataEvent)
	}
	first := true
	p := respond(http.StatusOK, "application/json; charset=UTF-8", nil)
	p.stream = s.play(r, q, func(e streamEvent) ([]byte, error) {
		b, err := json.Marshal(e.data)
		open := ",\r\n"
		if first {
			open, first = "[", false
		}
		b = append([]byte(open), b...)
		if e.kind == "end" {
			b = append(b, ']')
		}
		return b, err
	})
	return p
}

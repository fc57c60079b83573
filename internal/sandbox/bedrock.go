package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The Bedrock runtime.
const (
	HostBedrock Host = "bedrock" // bedrock-runtime.REGION.amazonaws.com

	BedrockInvoke         Endpoint = "bedrock.invoke"
	BedrockInvokeStream   Endpoint = "bedrock.invoke-with-response-stream"
	BedrockConverse       Endpoint = "bedrock.converse"
	BedrockConverseStream Endpoint = "bedrock.converse-stream"
	BedrockGuardrail      Endpoint = "bedrock.guardrail"
	BedrockEcho           Endpoint = "bedrock.echo"
)

// maxBedrockBody is the body limit of InvokeModel (bedrock-runtime API model).
const maxBedrockBody = 25_000_000

// bedrock is the Bedrock runtime: each request is signed for service "bedrock",
// or bears an API key.
func bedrock(s *Sandbox) vendor {
	return vendor{
		name: HostBedrock,
		has:  []Endpoint{BedrockInvoke, BedrockInvokeStream, BedrockConverse, BedrockConverseStream, BedrockGuardrail, BedrockEcho},
		route: func(r *request) (Endpoint, handler) {
			if r.path == "/echo" {
				return BedrockEcho, s.echo
			}
			parts := strings.Split(r.path, "/")
			if len(parts) == 4 && parts[1] == "model" {
				switch e := Endpoint("bedrock." + parts[3]); e {
				case BedrockInvoke, BedrockInvokeStream, BedrockConverse, BedrockConverseStream:
					return e, s.bedrockModel
				}
			}
			if len(parts) == 6 && parts[1] == "guardrail" && parts[3] == "version" && parts[5] == "apply" {
				return BedrockGuardrail, s.guardrail
			}
			return HostBedrock.unknown(), func(*request) *reply { return bedrockError(404, "UnknownOperationException", "") }
		},
		limit: func(Endpoint) int64 { return maxBedrockBody },
		tooLarge: func(*request) *reply {
			return bedrockError(413, "RequestEntityTooLargeException", "Request body is too large")
		},
		failure: func(*request) failure {
			return func(status int, code string) *reply {
				return bedrockError(status, cmpOr(code, bedrockCodes[status], "InternalServerException"), http.StatusText(status))
			}
		},
		arrived: func(r *request) {
			if r.endpoint != BedrockEcho && r.endpoint != HostBedrock.unknown() {
				s.arriveSigned(r)
			}
		},
	}
}

var bedrockCodes = map[int]string{
	400: "ValidationException", 403: "AccessDeniedException", 404: "ResourceNotFoundException", 408: "ModelTimeoutException",
	424: "ModelErrorException", 429: "ThrottlingException", 500: "InternalServerException", 503: "ServiceUnavailableException",
}

// arriveSigned counts a call and finds the session by its access key.
func (s *Sandbox) arriveSigned(r *request) {
	_, rest, _ := strings.Cut(r.header.Get("Authorization"), "Credential=")
	key, _, _ := strings.Cut(rest, "/")
	if g, _ := s.granted("aws", key); g != nil {
		r.identity = g.identity
	}
	s.count("aws", r.identity, func(t *Tally) { t.APIRequests++ })
}

// bedrockError has the type in a header and the text in the body.
func bedrockError(status int, kind, text string) *reply {
	return respondJSON(status, map[string]string{"message": text}).
		with("X-Amzn-ErrorType", kind+":http://internal.amazon.com/coral/com.amazon.bedrock/").with("X-Amzn-RequestId", uuid())
}

// admitBedrock checks method, media type and signature or API key.
func (s *Sandbox) admitBedrock(r *request) *reply {
	if r.method != http.MethodPost {
		return bedrockError(http.StatusMethodNotAllowed, "UnknownOperationException", "")
	}
	key, no := s.bedrockCredential(r)
	if no == nil && key != "" {
		_, no = s.granted("aws", key)
	}
	if no != nil {
		kind := no.reason
		switch kind {
		case "token_expired":
			kind, no.detail = "ExpiredTokenException", "The security token included in the request is expired"
		case "token_revoked", "two_credentials":
			kind = "UnrecognizedClientException"
		}
		return s.refuseAPI(r, "aws", no, bedrockError(http.StatusForbidden, kind, no.detail))
	}
	if t := r.contentType(); t != "application/json" && t != "" { // absent means JSON (InvokeModel, contentType)
		return bedrockError(http.StatusBadRequest, "ValidationException", "Content-Type must be application/json")
	}
	s.admit(r, "aws")
	return nil
}

// bedrockCredential is the access key of the session behind the request; empty
// for the static API key.
func (s *Sandbox) bedrockCredential(r *request) (string, *refusal) {
	token, ok := r.bearer()
	if !ok {
		return s.signer("bedrock").check(r.signed())
	}
	for name := range r.header {
		if strings.HasPrefix(name, "X-Amz-") && name != "X-Amz-User-Agent" { // the JavaScript SDK sends that one always
			return "", refuse("two_credentials", name+" beside a bearer token")
		}
	}
	if s.cfg.APIKey != "" && token == s.cfg.APIKey {
		return "", nil
	}
	return s.bedrockKey(token)
}

// bedrockKey verifies a short-term API key: a presigned CallWithBearerToken in
// base64 (AWS, "Amazon Bedrock API keys reference").
func (s *Sandbox) bedrockKey(token string) (string, *refusal) {
	bad := func(text string) *refusal { return refuse("AccessDeniedException", text) }
	encoded, ok := strings.CutPrefix(token, "bedrock-api-key-")
	if !ok {
		return "", bad("Invalid API Key format: Must start with pre-defined prefix")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "", bad("Invalid API Key format: not base64")
	}
	target, ok := strings.CutPrefix(string(raw), "bedrock.amazonaws.com/?")
	if !ok {
		return "", bad("Invalid API Key format: another host")
	}
	q := queryMap("?" + target)
	if len(q["Version"]) != 1 || q["Version"][0] != "1" || len(q["Action"]) != 1 || q["Action"][0] != "CallWithBearerToken" {
		return "", bad("Invalid API Key format: Action or Version")
	}
	signed, ok := strings.CutSuffix(target, "&Version=1")
	if !ok {
		return "", bad("Invalid API Key format: Version must come last")
	}
	request := SignedRequest{Method: http.MethodPost, Target: "/?" + signed, Host: "bedrock.amazonaws.com", Header: http.Header{}}
	mark, no := querySignature(queryMap(request.Target))
	if no != nil {
		return "", no
	}
	if mark.expires > 12*time.Hour || len(mark.signed) != 1 {
		return "", bad("Invalid API Key: X-Amz-Expires or SignedHeaders")
	}
	return s.signer("bedrock").check(request)
}

// bedrockModel answers the four operations on a model.
func (s *Sandbox) bedrockModel(r *request) *reply {
	if p := s.admitBedrock(r); p != nil {
		return p
	}
	model, err := url.PathUnescape(strings.Split(r.path, "/")[2])
	if err != nil || model == "" {
		return bedrockError(http.StatusBadRequest, "ValidationException", "The provided model identifier is invalid.")
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(r.body, &body); err != nil {
		return bedrockError(http.StatusBadRequest, "ValidationException", "Malformed input request, please reformat your input and try again.")
	}
	converse := r.endpoint == BedrockConverse || r.endpoint == BedrockConverseStream
	if p := bedrockBody(body, model, converse); p != nil {
		return p
	}
	var p *reply
	switch r.endpoint {
	case BedrockInvoke:
		p = respondJSON(http.StatusOK, message(model, strings.Join(s.words(r), "")))
	case BedrockConverse:
		p = respondJSON(http.StatusOK, map[string]any{
			"output":     map[string]any{"message": map[string]any{"role": "assistant", "content": []any{map[string]string{"text": strings.Join(s.words(r), "")}}}},
			"stopReason": "end_turn", "usage": bedrockUsage, "metrics": map[string]int{"latencyMs": 1},
		})
	case BedrockConverseStream:
		p = respond(http.StatusOK, "application/vnd.amazon.eventstream", nil)
		p.stream = s.play(r, bedrockSequence(), converseFrame)
	default:
		p = respond(http.StatusOK, "application/vnd.amazon.eventstream", nil).with("X-Amzn-Bedrock-Content-Type", "application/json")
		p.stream = s.play(r, messageSequence(model), chunkFrame)
	}
	return p.with("X-Amzn-RequestId", uuid()).with("X-Amzn-Bedrock-Input-Token-Count", "12").
		with("X-Amzn-Bedrock-Output-Token-Count", "6").with("X-Amzn-Bedrock-Invocation-Latency", "1")
}

var bedrockUsage = map[string]int{"inputTokens": 12, "outputTokens": 6, "totalTokens": 18}

// bedrockBody checks what differs from Anthropic's own API.
func bedrockBody(body map[string]json.RawMessage, model string, converse bool) *reply {
	bad := func(text string) *reply { return bedrockError(http.StatusBadRequest, "ValidationException", text) }
	if body["messages"] == nil {
		return bad("Malformed input request: required key [messages] not found")
	}
	if converse || !strings.Contains(model, "anthropic.") {
		return nil
	}
	for _, name := range []string{"model", "stream"} {
		if body[name] != nil {
			return bad("Malformed input request: #: extraneous key [" + name + "] is not permitted, please reformat your input and try again.")
		}
	}
	if !cloudVersion(body["anthropic_version"], "bedrock-2023-05-31") {
		return bad("Malformed input request: anthropic_version must be bedrock-2023-05-31")
	}
	return nil
}

// cloudVersion reports whether a body names the cloud's own version, or the date of
// Anthropic's API that the vendor's SDKs copy from their header since 1.0 (their
// clients for Bedrock and Vertex).
func cloudVersion(said json.RawMessage, own string) bool {
	return string(said) == `"`+own+`"` || string(said) == `"2026-10-21"`
}

// bedrockSequence is Converse's own order of events.
func bedrockSequence() sequence {
	return sequence{
		before: []streamEvent{{"messageStart", map[string]any{"role": "assistant"}}},
		word: func(text string) streamEvent {
			return streamEvent{"contentBlockDelta", map[string]any{"contentBlockIndex": 0, "delta": map[string]string{"text": text}}}
		},
		after: []streamEvent{
			{"contentBlockStop", map[string]any{"contentBlockIndex": 0}},
			{"messageStop", map[string]any{"stopReason": "end_turn"}},
			{"metadata", map[string]any{"usage": bedrockUsage, "metrics": map[string]int{"latencyMs": 1}}},
		},
	}
}

func converseFrame(e streamEvent) ([]byte, error) {
	b, err := json.Marshal(e.data)
	return eventMessage(e.kind, b), err
}

// chunkFrame wraps an event of the Messages API, as InvokeModel does.
func chunkFrame(e streamEvent) ([]byte, error) {
	inner, err := json.Marshal(e.data)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(map[string]any{"bytes": inner, "p": "abcdefghij"}) // []byte is base64 in JSON
	return eventMessage("chunk", b), err
}

// guardrail answers ApplyGuardrail.
func (s *Sandbox) guardrail(r *request) *reply {
	if p := s.admitBedrock(r); p != nil {
		return p
	}
	return respondJSON(http.StatusOK, map[string]any{"action": "NONE", "outputs": []any{}, "assessments": []any{}, "usage": map[string]int{}})
}

package sandbox

import (
	"crypto/sha1" // RFC 6455 section 4.2.2 is defined over SHA-1
	"encoding/base64"
	"net/http"
	"strings"
)

// realtime answers OpenAI's Realtime API: a WebSocket handshake with a bearer
// (RFC 6455 section 4.2), after which every byte comes back as it was sent.
func (s *Sandbox) realtime(r *request) *reply {
	if no := s.openAICredential(r); no != nil {
		return s.refuseAPI(r, "openai", no, openAIError(http.StatusUnauthorized, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."))
	}
	key, err := base64.StdEncoding.DecodeString(r.header.Get("Sec-Websocket-Key"))
	switch {
	case r.method != http.MethodGet || r.query.Get("model") == "":
		return openAIError(http.StatusBadRequest, "invalid_request_error", "missing_model", "You must provide a model parameter.")
	case !names(r.header["Connection"], "upgrade") || !names(r.header["Upgrade"], "websocket"):
		return openAIError(http.StatusUpgradeRequired, "invalid_request_error", "upgrade_required", "A WebSocket is expected.").with("Upgrade", "websocket")
	case r.header.Get("Sec-Websocket-Version") != "13" || err != nil || len(key) != 16:
		return openAIError(http.StatusBadRequest, "invalid_request_error", "bad_handshake", "The handshake is not valid.").with("Sec-WebSocket-Version", "13")
	}
	s.admit(r, "openai")
	sum := sha1.Sum([]byte(r.header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return &reply{status: http.StatusSwitchingProtocols, tunnel: true, header: http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Accept": {base64.StdEncoding.EncodeToString(sum[:])},
	}}
}

// names reports whether a comma-separated field names the token, in any case.
func names(values []string, token string) bool {
	for _, v := range strings.Split(strings.Join(values, ","), ",") {
		if strings.EqualFold(strings.TrimSpace(v), token) {
			return true
		}
	}
	return false
}

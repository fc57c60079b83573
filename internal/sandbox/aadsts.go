package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// aadAssertion is the AADSTS code of an assertion that is not taken.
func aadAssertion(a *assertion, no *refusal, app App) (int, string) {
	if no != nil {
		switch no.reason {
		case "expired", "not_yet_valid":
			return 700024, "Client assertion is not within its valid time range."
		case "issuer":
			return 700211, "No matching federated identity record found for presented assertion issuer '" + no.detail + "'."
		case "malformed_jwt":
			return 50027, "JWT token is invalid or malformed."
		case "claim_missing":
			return 50027, "JWT token is invalid or malformed: " + no.detail
		}
		return 700027, "The certificate with identifier used to sign the client assertion is not registered on application, or the signature is invalid: " + no.reason
	}
	switch {
	case app.NoCredential:
		return 70025, "The client '" + app.ClientID + "' has no configured federated identity credentials."
	case !slices.Contains(a.aud, app.Audience):
		return 7002121, "No matching federated identity record found for presented assertion audience '" + strings.Join(a.aud, " ") + "'."
	case a.sub != app.Subject:
		return 700213, "No matching federated identity record found for presented assertion subject '" + a.sub + "'."
	}
	return 0, ""
}

// aadError has the shape of the platform (Microsoft Learn, "AADSTS error codes").
func (s *Sandbox) aadError(code int, text string) *reply {
	name, status := "invalid_request", http.StatusBadRequest
	switch code {
	case 70021, 700211, 7002121, 700213, 7002131, 70025, 700024, 700027, 50027, 7000215, 7000222:
		name, status = "invalid_client", http.StatusUnauthorized
	case 700016, 53003:
		name = "unauthorized_client"
	case 1002012, 28000:
		name = "invalid_scope"
	case 500011:
		name = "invalid_resource"
	case 70003:
		name = "unsupported_grant_type"
	case 50196:
		name = "invalid_grant"
	case 90033:
		name, status = "temporarily_unavailable", http.StatusServiceUnavailable
	}
	now, trace, correlation := s.Now().UTC().Format("2006-01-02 15:04:05Z"), uuid(), uuid()
	return respondJSON(status, map[string]any{
		"error": name, "error_codes": []int{code}, "timestamp": now, "trace_id": trace, "correlation_id": correlation,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", code, text, trace, correlation, now),
		"error_uri":         fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", code),
	}).with("X-Ms-Request-Id", trace)
}

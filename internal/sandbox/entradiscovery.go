package sandbox

import (
	"net/http"
	"strings"
)

// azureConfiguration is the tenant's discovery document, which the vendor's
// libraries insist on.
func (s *Sandbox) azureConfiguration(r *request) *reply {
	tenant := strings.Split(r.path, "/")[1]
	if !strings.EqualFold(tenant, s.App().TenantID) && tenant != "common" && tenant != "organizations" {
		return s.aadError(90002, "Tenant '"+tenant+"' not found.")
	}
	base := s.TLSURL(HostAzure) + "/" + tenant
	return respondJSON(http.StatusOK, map[string]any{
		"token_endpoint": base + "/oauth2/v2.0/token", "issuer": base + "/v2.0", "authorization_endpoint": base + "/oauth2/v2.0/authorize",
		"device_authorization_endpoint": base + "/oauth2/v2.0/devicecode", "end_session_endpoint": base + "/oauth2/v2.0/logout",
		"jwks_uri": base + "/discovery/v2.0/keys", "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"response_modes_supported":              []string{"query", "fragment", "form_post"},
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"subject_types_supported":               []string{"pairwise"}, "scopes_supported": []string{"openid", "profile", "email", "offline_access"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "tenant_region_scope": "EU", "cloud_instance_name": "microsoftonline.com",
	})
}

// azureInstance is instance discovery: this host is its own cloud.
func (s *Sandbox) azureInstance(*request) *reply {
	host := s.Address(HostAzure)
	return respondJSON(http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": s.TLSURL(HostAzure) + "/" + s.App().TenantID + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata":                  []any{map[string]any{"preferred_network": host, "preferred_cache": host, "aliases": []string{host}}},
	})
}

package sandbox

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Azure hosts and endpoints.
const (
	HostAzure Host = "azure" // login.microsoftonline.com

	AzureToken     Endpoint = "azure.token"
	AzureDiscovery Endpoint = "azure.discovery" // openid-configuration, instance discovery and keys
)

const clientAssertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523 section 2.2

// App is an Entra application with a federated identity credential. Empty fields
// get the values that AzureEnv names.
type App struct {
	TenantID, ClientID string // GUIDs
	// Audience and Subject are the federated credential's; both must be equal,
	// case included.
	Audience, Subject string
	// NoCredential means that the application has no federated credential at all.
	NoCredential bool
	// Scopes are the resources it may ask for.
	Scopes []string
	// Lifetime is that of access tokens; 0 means 3599 s.
	Lifetime time.Duration
}

// SetApp replaces the application.
func (s *Sandbox) SetApp(a App) {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&a.TenantID, "72f988bf-86f1-41af-91ab-2d7cd011db47")
	set(&a.ClientID, "11111111-2222-4333-8444-555555555555")
	set(&a.Audience, "api://AzureADTokenExchange")
	set(&a.Subject, s.Job().subject())
	if len(a.Scopes) == 0 {
		a.Scopes = []string{"https://cognitiveservices.azure.com/.default", "https://ai.azure.com/.default"}
	}
	if a.Lifetime == 0 {
		a.Lifetime = 3599 * time.Second
	}
	s.mu.Lock()
	s.app = a
	s.mu.Unlock()
}

// App is the application as it is now.
func (s *Sandbox) App() App {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.app
}

// AzureTokenURL is the token endpoint of the tenant.
func (s *Sandbox) AzureTokenURL() string {
	return s.URL(HostAzure) + "/" + s.App().TenantID + "/oauth2/v2.0/token"
}

// AzureEnv points a client at the application.
func (s *Sandbox) AzureEnv() []string {
	a := s.App()
	env := []string{
		"AWF_AUTH_TYPE=github-oidc",
		"AWF_AUTH_PROVIDER=azure",
		"AWF_AUTH_AZURE_TENANT_ID=" + a.TenantID,
		"AWF_AUTH_AZURE_CLIENT_ID=" + a.ClientID,
		"AWF_AUTH_AZURE_TOKEN_URL=" + s.AzureTokenURL(),
	}
	return env
}

// azure is the Microsoft identity platform.
func azure(s *Sandbox) vendor {
	return vendor{
		name: HostAzure,
		has:  []Endpoint{AzureToken, AzureDiscovery},
		route: func(r *request) (Endpoint, handler) {
			switch {
			case strings.HasSuffix(r.path, "/oauth2/v2.0/token"):
				return AzureToken, s.azureToken
			case strings.HasSuffix(r.path, "/v2.0/.well-known/openid-configuration"):
				return AzureDiscovery, s.azureConfiguration
			case r.path == "/common/discovery/instance":
				return AzureDiscovery, s.azureInstance
			case strings.HasSuffix(r.path, "/discovery/v2.0/keys"):
				return AzureDiscovery, s.jwks
			}
			return HostAzure.unknown(), func(*request) *reply { return respond(404, "text/plain", nil) }
		},
		limit:    func(Endpoint) int64 { return 1 << 20 },
		tooLarge: func(*request) *reply { return respond(413, "text/plain", nil) },
		failure: func(*request) failure {
			return func(status int, code string) *reply {
				n, _ := strconv.Atoi(code)
				if n == 0 {
					n = aadCodes[status]
				}
				p := s.aadError(n, http.StatusText(status))
				p.status = status
				return p
			}
		},
		arrived: func(r *request) {
			if r.endpoint == AzureToken {
				form, _ := url.ParseQuery(string(r.body))
				s.arrive(r, "azure", form.Get("client_assertion"))
			}
		},
	}
}

var aadCodes = map[int]int{400: 900144, 401: 700027, 429: 50196, 500: 90033, 503: 90033, 504: 90033}

// azureToken answers the client credentials grant with an assertion (Microsoft
// Learn, "OAuth 2.0 client credentials flow", third case).
func (s *Sandbox) azureToken(r *request) *reply {
	app := s.App()
	form, code, text := readAAD(r, app)
	if code != 0 {
		return s.refuseAzure(r, nil, code, text)
	}
	a, no := s.verify(form.Get("client_assertion"), demand{
		algs: asymmetric[3:6], kid: true, require: []string{"sub", "aud", "exp"}})
	if code, text := aadAssertion(a, no, app); code != 0 {
		return s.refuseAzure(r, a, code, text)
	}
	now, scope := s.Now(), form.Get("scope")
	token := newToken("azure")
	s.grant(token, &grant{provider: "azure", identity: r.identity, subject: a.sub, scope: scope, expires: now.Add(app.Lifetime)})
	id := s.accepted(r, "azure", a)
	seconds := int(app.Lifetime / time.Second)
	return respondJSON(http.StatusOK, map[string]any{
		"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token,
	}).with("X-Ms-Request-Id", id).with("Cache-Control", "no-store, no-cache")
}

// readAAD checks the parameters. Unknown ones are ignored, as the libraries send
// telemetry among them.
func readAAD(r *request, app App) (url.Values, int, string) {
	form, err := url.ParseQuery(string(r.body))
	tenant := strings.Split(r.path, "/")[1]
	switch {
	case r.method != http.MethodPost || r.contentType() != "application/x-www-form-urlencoded" || err != nil:
		return nil, 900561, "The endpoint only accepts POST requests with a form."
	case tenant == "common" || tenant == "organizations":
		return nil, 90002, "Tenant '" + tenant + "' is not one that an application can use."
	case !strings.EqualFold(tenant, app.TenantID):
		return nil, 90002, "Tenant '" + tenant + "' not found."
	}
	for _, name := range []string{"grant_type", "client_id", "client_assertion_type", "client_assertion", "scope"} {
		switch {
		case len(form[name]) > 1:
			return nil, 90014, "The parameter '" + name + "' is given twice."
		case form.Get(name) == "":
			return nil, 900144, "The request body must contain the following parameter: '" + name + "'."
		}
	}
	scope := form.Get("scope")
	switch {
	case form.Get("grant_type") != "client_credentials":
		return nil, 70003, "The app requested an unsupported grant type '" + form.Get("grant_type") + "'."
	case form.Get("client_assertion_type") != clientAssertion:
		return nil, 900144, "client_assertion_type"
	case form.Has("client_secret"):
		return nil, 7000215, "Invalid client secret provided."
	case !strings.EqualFold(form.Get("client_id"), app.ClientID):
		return nil, 700016, "Application with identifier '" + form.Get("client_id") + "' was not found in the directory."
	case strings.Contains(strings.TrimSpace(scope), " "):
		return nil, 28000, "Provided value for the input parameter scope is not valid because it contains more than one resource."
	case !strings.HasSuffix(scope, "/.default"):
		return nil, 1002012, "The provided value for scope " + scope + " is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier."
	case !slices.Contains(app.Scopes, scope):
		return nil, 500011, "The resource principal named " + strings.TrimSuffix(scope, "/.default") + " was not found in the tenant."
	}
	return form, 0, ""
}

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

func (s *Sandbox) refuseAzure(r *request, a *assertion, code int, text string) *reply {
	p := s.aadError(code, text)
	s.refused(r, "azure", a, refuse("AADSTS"+strconv.Itoa(code), text), p.status, p.header.Get("X-Ms-Request-Id"))
	return p
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

package sandbox

import (
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

func (s *Sandbox) refuseAzure(r *request, a *assertion, code int, text string) *reply {
	p := s.aadError(code, text)
	s.refused(r, "azure", a, refuse("AADSTS"+strconv.Itoa(code), text), p.status, p.header.Get("X-Ms-Request-Id"))
	return p
}

package exchange

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

// AzureCloud is what differs between Microsoft's clouds.
type AzureCloud struct {
	Name     string // as in AWF_AUTH_AZURE_CLOUD
	Login    string // host of the token endpoint
	Audience string // of the assertion
	Scope    string // of Azure OpenAI
}

// azureClouds (Microsoft Learn, "Workload identity federation", and Azure/login for
// the audiences).
var azureClouds = []AzureCloud{
	{"public", "login.microsoftonline.com", "api://AzureADTokenExchange", "https://cognitiveservices.azure.com/.default"},
	{"usgovernment", "login.microsoftonline.us", "api://AzureADTokenExchangeUSGov", "https://cognitiveservices.azure.us/.default"},
	{"china", "login.chinacloudapi.cn", "api://AzureADTokenExchangeChina", "https://cognitiveservices.azure.cn/.default"},
}

// AzureCloudOf finds a cloud by name in any case; the empty name is the public one.
func AzureCloudOf(name string) (AzureCloud, bool) {
	if name == "" {
		name = "public"
	}
	for _, c := range azureClouds {
		if strings.EqualFold(c.Name, name) {
			return c, true
		}
	}
	return AzureCloud{}, false
}

// AzureParams are the parameters of an exchange with Microsoft Entra. TenantID and
// ClientID are required.
type AzureParams struct {
	TenantID string // a UUID, or a verified domain
	ClientID string // a UUID: of the application or the managed identity
	Scope    string // one resource and /.default; empty: the cloud's Azure OpenAI
	Cloud    string // public, usgovernment or china in any case; empty: public

	TokenURL      string // the whole URL; empty: made of the next, or of the cloud
	AuthorityHost string // base URL, or a host, as in AZURE_AUTHORITY_HOST
	Audience      string // empty: the cloud's

	UserAgent string
	Now       func() time.Time // nil: time.Now
}

// Azure exchanges assertions for Microsoft Entra access tokens.
type Azure struct {
	caller
	p   AzureParams
	url string
}

// NewAzure checks every parameter and returns all that is wrong at once.
func NewAzure(p AzureParams, d Doer) (*Azure, error) {
	var bad problems
	bad.required("tenant_id", p.TenantID, CheckAzureTenant)
	bad.required("client_id", p.ClientID, CheckUUID)
	bad.optional("cloud", p.Cloud, CheckAzureCloud)
	bad.optional("scope", p.Scope, CheckAzureScope)
	bad.optional("token_url", p.TokenURL, CheckEndpoint)
	bad.optional("authority_host", p.AuthorityHost, CheckAzureAuthority)
	bad.optional("audience", p.Audience, checkAudience)
	if err := bad.err("azure"); err != nil {
		return nil, err
	}
	cloud, _ := AzureCloudOf(p.Cloud)
	if p.Scope == "" {
		p.Scope = cloud.Scope
	}
	if p.Audience == "" {
		p.Audience = cloud.Audience
	}
	return &Azure{newCaller("azure", p.endpoint(cloud), d, p.Now, p.UserAgent), p, p.endpoint(cloud)}, nil
}

func (p AzureParams) endpoint(cloud AzureCloud) string {
	if p.TokenURL != "" {
		return p.TokenURL
	}
	base := "https://" + cloud.Login
	if p.AuthorityHost != "" {
		base = strings.TrimRight(azureAuthority(p.AuthorityHost), "/")
	}
	return base + "/" + p.TenantID + "/oauth2/v2.0/token"
}

// azureAuthority takes a host alone, too, as Azure's SDKs do.
func azureAuthority(value string) string {
	if strings.Contains(value, "://") {
		return value
	}
	return "https://" + value
}

// CheckAzureAuthority says why value is not the base of token endpoints.
func CheckAzureAuthority(value string) error { return CheckBase(azureAuthority(value)) }

// CheckAzureCloud says why value is not one of the clouds.
func CheckAzureCloud(value string) error {
	if _, ok := AzureCloudOf(value); !ok {
		return errors.New("is not public, usgovernment or china")
	}
	return nil
}

// CheckAzureTenant says why value is not a tenant that an application can log in
// to: a UUID or a verified domain. It becomes part of a path.
func CheckAzureTenant(value string) error {
	switch {
	case CheckUUID(value) == nil || isDomain(value):
		return nil
	case value == "common" || value == "organizations" || value == "consumers":
		return errors.New("is " + value + ", which is for people; an application needs a tenant of its own")
	}
	return errors.New("is neither a UUID nor a verified domain")
}

// CheckAzureScope says why value is not one resource with /.default, the only form
// for an application (Microsoft Learn, "OAuth 2.0 client credentials flow").
func CheckAzureScope(value string) error {
	if resource, ok := strings.CutSuffix(value, "/.default"); !ok || resource == "" || checkAudience(value) != nil {
		return errors.New("is not one resource and /.default, such as https://cognitiveservices.azure.com/.default")
	}
	return nil
}

// Endpoint is the URL that assertions are sent to.
func (x *Azure) Endpoint() string { return x.url }

// Audience is what the assertion must be minted for.
func (x *Azure) Audience() string { return x.p.Audience }

// Fingerprint names endpoint and parameters.
func (x *Azure) Fingerprint() string {
	return fingerprint("azure", x.url, x.p.Audience, strings.ToLower(x.p.TenantID), strings.ToLower(x.p.ClientID), x.p.Scope)
}

// SingleUse is false: Entra takes an assertion again while it is valid.
func (x *Azure) SingleUse(Assertion) bool { return false }

// Exchange presents the assertion once, as the client's assertion (RFC 7523
// section 2.2).
func (x *Azure) Exchange(ctx context.Context, a Assertion) (Credential, error) {
	if e := x.check(a); e != nil {
		return Credential{}, e
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {x.p.ClientID}, "scope": {x.p.Scope},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {a.Token.Reveal()},
	}
	r, e := x.post(ctx, request{
		step: stepExchange, url: x.url, contentType: formContentType, header: [][2]string{acceptJSON},
		body: []byte(form.Encode()), secrets: []secret.Value{a.Token},
	})
	if e != nil {
		return Credential{}, e
	}
	r.id("X-Ms-Request-Id")
	if r.status != http.StatusOK {
		return Credential{}, x.refusal(r, a)
	}
	c, e := r.grant(a, grantRules{digits: true})
	if e != nil {
		return Credential{}, e
	}
	return c, nil
}

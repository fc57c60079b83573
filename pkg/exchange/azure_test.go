package exchange_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

func TestAzureRequest(t *testing.T) {
	t.Parallel()
	e := listen(t, always(raw(200, "", `{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"eyJ.a.b"}`)))
	x, err := exchange.NewAzure(exchange.AzureParams{TenantID: "contoso.onmicrosoft.com", ClientID: tenant, AuthorityHost: e.URL + "/login/", Now: clock}, doer(t))
	require.NoError(t, err)
	c, err := x.Exchange(t.Context(), assertion())
	require.NoError(t, err)
	assert.Equal(t, "eyJ.a.b", c.Token.Reveal())
	got := e.received()[0]
	assert.Equal(t, "/login/contoso.onmicrosoft.com/oauth2/v2.0/token", got.path)
	form, err := url.ParseQuery(got.body)
	require.NoError(t, err)
	assert.Equal(t, url.Values{
		"grant_type": {"client_credentials"}, "client_id": {tenant}, "scope": {"https://cognitiveservices.azure.com/.default"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {jwt},
	}, form)
}

// Host, audience and scope belong together.
func TestAzureClouds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ cloud, authority, url, audience string }{
		{"", "", "https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/token", "api://AzureADTokenExchange"},
		{"Public", "", "https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/token", "api://AzureADTokenExchange"},
		{"usGovernment", "", "https://login.microsoftonline.us/" + tenant + "/oauth2/v2.0/token", "api://AzureADTokenExchangeUSGov"},
		{"CHINA", "", "https://login.chinacloudapi.cn/" + tenant + "/oauth2/v2.0/token", "api://AzureADTokenExchangeChina"},
		{"china", "login.partner.microsoftonline.cn", "https://login.partner.microsoftonline.cn/" + tenant + "/oauth2/v2.0/token", "api://AzureADTokenExchangeChina"},
		{"", "https://login.microsoftonline.com/", "https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/token", "api://AzureADTokenExchange"},
	} {
		x, err := exchange.NewAzure(exchange.AzureParams{TenantID: tenant, ClientID: tenant, Cloud: c.cloud, AuthorityHost: c.authority}, http.DefaultClient)
		require.NoError(t, err)
		assert.Equal(t, c.url, x.Endpoint())
		assert.Equal(t, c.audience, x.Audience())
		assert.False(t, x.SingleUse(assertion()))
	}
	gov, ok := exchange.AzureCloudOf("usgovernment")
	assert.True(t, ok)
	assert.Equal(t, "https://cognitiveservices.azure.us/.default", gov.Scope)
}

func TestAzureSettings(t *testing.T) {
	t.Parallel()
	_, err := exchange.NewAzure(exchange.AzureParams{TenantID: "common", ClientID: "x", Cloud: "moon", Scope: "a b", TokenURL: "http://h", AuthorityHost: "http://h", Audience: "a b"}, http.DefaultClient)
	assert.ErrorIs(t, err, exchange.Usage)
	for _, want := range []string{"tenant_id is common, which is for people", "client_id is not a UUID", "cloud is not public, usgovernment or china",
		"scope is not one resource and /.default", "token_url is plain http", "authority_host is plain http", "audience has a blank"} {
		assert.ErrorContains(t, err, want)
	}
	for _, bad := range []string{"", "x", "a/b.c", "../x.y", "a.b?c", strings.Repeat("a.", 200) + "b"} {
		assert.Error(t, exchange.CheckAzureTenant(bad), bad)
	}
	for _, bad := range []string{"", "/.default", "https://ai.azure.com", "https://a/.default https://b/.default"} {
		assert.Error(t, exchange.CheckAzureScope(bad), bad)
	}
	assert.NoError(t, exchange.CheckAzureScope("https://ai.azure.com/.default"))
}

func TestAzureHints(t *testing.T) {
	t.Parallel()
	v := vendors[3]
	require.Equal(t, "azure", v.name)
	for code, want := range map[string]string{
		"70021": "takes some minutes", "700211": "issuer", "7002121": "audience", "700213": "where case counts", "7002131": "flexible",
		"70025": "has no federated identity credential", "700222": "Entra issued", "700024": "clock", "700027": "issuer's keys", "700016": "is not in tenant " + tenant,
		"90002": "AWF_AUTH_AZURE_CLOUD", "7000215": "client secret", "53003": "Conditional Access", "700021": "compare",
	} {
		e := v.refused(t, raw(401, "", v.refusal(code, "x")))
		assert.Contains(t, e.Hint, want, code)
		assert.Equal(t, "invalid_client", e.Code)
		assert.Equal(t, "t1", e.RequestID)
	}
}

// F054.
func TestAzureErrorCodes(t *testing.T) {
	t.Parallel()
	v := vendors[3]
	for _, codes := range []string{"[]", `["700213"]`, "[1e99]", "[-1]", "[99999999999999999999]", "null", `"x"`, "{}", "[" + strings.Repeat("1,", 10_000) + "1]", "[[700213]]"} {
		body := `{"error":"invalid_client","error_description":"AADSTS700213: No matching","error_codes":` + codes + `}`
		e := v.refused(t, raw(401, "", body))
		assert.ErrorIs(t, e, exchange.Refused, codes)
		if !strings.HasPrefix(codes, "[1,") {
			assert.Contains(t, e.Hint, "where case counts", "the text is the second source")
		}
	}
	e := v.refused(t, raw(401, "", `{"error":"invalid_client","error_description":"no number","error_codes":[700213]}`))
	assert.Contains(t, e.Error(), "invalid_client: AADSTS700213: no number")
	e = v.refused(t, raw(400, "", `{"error":"invalid_client","error_description":"AADSTS"}`))
	assert.Contains(t, e.Hint, "compare what is configured at the vendor", "no code: nothing more is known")
}

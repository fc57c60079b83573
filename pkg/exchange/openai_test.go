package exchange_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

func TestOpenAIRequest(t *testing.T) {
	t.Parallel()
	e := listen(t, always(raw(200, "X-Request-Id: req-1\r\n", `{"access_token":"eyJ.a.b","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":300}`)))
	x, err := exchange.NewOpenAI(exchange.OpenAIParams{IdentityProviderID: "idp_1", ServiceAccountID: "user-a.b", TokenURL: e.URL, Now: clock}, doer(t))
	require.NoError(t, err)
	assert.Equal(t, "https://api.openai.com/v1", x.Audience())
	assert.False(t, x.SingleUse(assertion()))
	c, err := x.Exchange(t.Context(), assertion())
	require.NoError(t, err)
	assert.Equal(t, 5*time.Minute, c.Lifetime())
	assert.Equal(t, "req-1", c.RequestID)
	assert.Equal(t, `{"grant_type":"urn:ietf:params:oauth:grant-type:token-exchange","subject_token_type":"urn:ietf:params:oauth:token-type:jwt","subject_token":"`+jwt+
		`","identity_provider_id":"idp_1","service_account_id":"user-a.b"}`, e.received()[0].body)
}

func TestOpenAISettings(t *testing.T) {
	t.Parallel()
	_, err := exchange.NewOpenAI(exchange.OpenAIParams{IdentityProviderID: "x", ServiceAccountID: "a b"}, http.DefaultClient)
	assert.ErrorIs(t, err, exchange.Usage)
	assert.ErrorContains(t, err, "identity_provider_id is not of the form idp_…; service_account_id is not 1 to 128")
	assert.Error(t, exchange.CheckOpenAIServiceAccountID(strings.Repeat("a", 129)))
}

func TestOpenAIHints(t *testing.T) {
	t.Parallel()
	v := vendors[4]
	require.Equal(t, "openai", v.name)
	for code, want := range map[string]string{
		"invalid_grant": "compare identity provider idp_1", "invalid_subject_token": "immutable form", "invalid_client": "sa-1 mapped", "unauthorized_client": "idp_1",
		"invalid_request": "AWF_AUTH_OPENAI_IDENTITY_PROVIDER_ID",
	} {
		assert.Contains(t, v.refused(t, raw(401, "", rfc6749(code, "x"))).Hint, want, code)
	}
	assert.Contains(t, v.refused(t, raw(404, "", "")).Hint, "AWF_AUTH_OPENAI_TOKEN_URL")
}

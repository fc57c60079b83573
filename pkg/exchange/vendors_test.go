package exchange_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// vendor is what the table of faults must know of a provider. A new provider is one
// more line in vendors.
type vendor struct {
	name  string
	build func(url string, d exchange.Doer) (tokensource.Exchanger, error)
	// grant is a success body with a token and a lifetime in whole seconds.
	grant func(token string, seconds int) string
	// refusal is an error body with the vendor's code.
	refusal func(code, text string) string
	// raw tells a JSON vendor's answer with any members; nil: the vendor does not
	// answer in the form of RFC 6749.
	raw func(token, kind, expires string) string

	token   string  // field that holds the token
	id      string  // header of the request id
	final   []coded // codes that end it
	again   []coded // codes that a later attempt can change
	once    []coded // codes that one new attempt can change
	digits  bool    // expires_in may be digits in a string
	unnamed bool    // expires_in may be absent
}

type coded struct {
	status int
	code   string
}

const (
	tenant = "11111111-2222-3333-4444-555555555555"
	pool   = "projects/123/locations/global/workloadIdentityPools/p/providers/x"
	role   = "arn:aws:iam::123456789012:role/ci"
)

func rfc6749(code, text string) string {
	return fmt.Sprintf(`{"error":%q,"error_description":%s}`, code, quoteJSON(text))
}

func rawGrant(token, kind, expires string) string {
	out := `{"access_token":` + quoteJSON(token)
	if kind != "" {
		out += `,"token_type":` + kind
	}
	if expires != "" {
		out += `,"expires_in":` + expires
	}
	return out + `}`
}

func jsonGrant(token string, seconds int) string {
	return rawGrant(token, `"Bearer"`, fmt.Sprint(seconds))
}

func awsGrant(token string, seconds int) string {
	return awsAnswer("ASIAABCDEFGHIJKLMNOP", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token, now.Add(time.Duration(seconds)*time.Second).Format(time.RFC3339))
}

func awsAnswer(id, key, token, expiration string) string {
	return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
 <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>` + id + `</AccessKeyId><SecretAccessKey>` + key + `</SecretAccessKey>
  <SessionToken>` + escapeXML(token) + `</SessionToken><Expiration>` + expiration + `</Expiration></Credentials>
  <SubjectFromWebIdentityToken>repo:o/r</SubjectFromWebIdentityToken><Audience>sts.amazonaws.com</Audience></AssumeRoleWithWebIdentityResult>
 <ResponseMetadata><RequestId>request-in-xml</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>`
}

func awsRefusal(code, text string) string {
	return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>` + escapeXML(code) +
		`</Code><Message>` + escapeXML(text) + `</Message></Error><RequestId>request-in-xml</RequestId></ErrorResponse>`
}

var vendors = []vendor{
	{
		name: "anthropic", token: "access_token", id: "Request-Id", grant: jsonGrant, raw: rawGrant,
		build: func(url string, d exchange.Doer) (tokensource.Exchanger, error) {
			return exchange.NewAnthropic(anthropicParams(url), d)
		},
		refusal: func(code, text string) string {
			return fmt.Sprintf(`{"type":"error","error":{"type":%q,"message":%s},"request_id":"req_1"}`, code, quoteJSON(text))
		},
		final: []coded{{401, "authentication_error"}, {400, "invalid_request_error"}, {400, "invalid_grant"}, {403, "permission_error"}},
	},
	{
		name: "aws", token: "SessionToken", id: "x-amzn-requestid", grant: awsGrant, refusal: awsRefusal,
		build: func(url string, d exchange.Doer) (tokensource.Exchanger, error) {
			return exchange.NewAWS(exchange.AWSParams{RoleARN: role, Region: "us-east-1", TokenURL: url, Now: clock}, d)
		},
		final: []coded{{403, "AccessDenied"}, {403, "IDPRejectedClaim"}, {400, "MalformedPolicyDocument"}, {400, "PackedPolicyTooLarge"}, {403, "RegionDisabledException"}, {400, "ValidationError"}},
		again: []coded{{400, "IDPCommunicationError"}, {400, "Throttling"}, {400, "ThrottlingException"}, {400, "RequestLimitExceeded"}},
		once:  []coded{{400, "ExpiredTokenException"}, {400, "ExpiredToken"}, {400, "InvalidIdentityToken"}},
	},
	{
		name: "gcp", token: "access_token", id: "X-Request-Id", grant: jsonGrant, raw: rawGrant, refusal: rfc6749, unnamed: true,
		build: func(url string, d exchange.Doer) (tokensource.Exchanger, error) {
			return exchange.NewGCP(exchange.GCPParams{WorkloadIdentityProvider: pool, TokenURL: url, Now: clock}, d)
		},
		final: []coded{{400, "invalid_grant"}, {403, "unauthorized_client"}, {400, "invalid_target"}, {400, "invalid_request"}, {400, "invalid_scope"}},
	},
	{
		name: "azure", token: "access_token", id: "x-ms-request-id", grant: jsonGrant, raw: rawGrant, digits: true,
		build: func(url string, d exchange.Doer) (tokensource.Exchanger, error) {
			return exchange.NewAzure(exchange.AzureParams{TenantID: tenant, ClientID: tenant, TokenURL: url, Now: clock}, d)
		},
		refusal: func(code, text string) string { // a number stands for its AADSTS code
			if code[0] >= '0' && code[0] <= '9' {
				return fmt.Sprintf(`{"error":"invalid_client","error_description":%s,"error_codes":[%s],"trace_id":"t1"}`, quoteJSON("AADSTS"+code+": "+text), code)
			}
			return rfc6749(code, text)
		},
		final: []coded{{400, "70021"}, {401, "700211"}, {401, "7002121"}, {401, "700213"}, {400, "7002131"}, {400, "70025"}, {400, "700222"}, {400, "700016"}, {400, "90002"}, {400, "invalid_request"}},
		again: []coded{{400, "50196"}, {400, "90033"}},
		once:  []coded{{400, "700024"}, {401, "700027"}},
	},
	{
		name: "openai", token: "access_token", id: "X-Request-Id", grant: jsonGrant, raw: rawGrant, refusal: rfc6749,
		build: func(url string, d exchange.Doer) (tokensource.Exchanger, error) {
			return exchange.NewOpenAI(exchange.OpenAIParams{IdentityProviderID: "idp_1", ServiceAccountID: "sa-1", TokenURL: url, Now: clock}, d)
		},
		final: []coded{{400, "invalid_request"}, {400, "invalid_grant"}, {401, "invalid_subject_token"}, {401, "invalid_client"}, {403, "unauthorized_client"}},
	},
}

// eachVendor runs a row of the table for every provider.
func eachVendor(t *testing.T, row func(*testing.T, vendor)) {
	t.Helper()
	t.Parallel()
	for _, v := range vendors {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			row(t, v)
		})
	}
}

// at builds the vendor's exchanger for an endpoint.
func (v vendor) at(t *testing.T, url string) tokensource.Exchanger {
	t.Helper()
	x, err := v.build(url, doer(t))
	require.NoError(t, err)
	return x
}

// refused exchanges once with an endpoint that answers raw and returns the failure.
func (v vendor) refused(t *testing.T, answer string) *exchange.Error {
	t.Helper()
	e := listen(t, always(answer))
	defer e.Close()
	_, err := v.at(t, e.URL).Exchange(t.Context(), assertion())
	require.Len(t, e.received(), 1, "sent once")
	return failure(t, err)
}

// granted exchanges once and returns the credential.
func (v vendor) granted(t *testing.T, answer string) exchange.Credential {
	t.Helper()
	e := listen(t, always(answer))
	defer e.Close()
	c, err := v.at(t, e.URL).Exchange(t.Context(), assertion())
	require.NoError(t, err)
	require.Equal(t, v.name, c.Provider)
	return c
}

func (v vendor) secret(c exchange.Credential) string {
	if c.AWS != nil {
		return c.AWS.SessionToken.Reveal()
	}
	return c.Token.Reveal()
}

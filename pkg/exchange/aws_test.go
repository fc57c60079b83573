package exchange_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

func TestAWSRequest(t *testing.T) {
	t.Parallel()
	e := listen(t, always(raw(200, "", awsGrant(token, 3600))))
	x, err := exchange.NewAWS(exchange.AWSParams{
		RoleARN: role, Region: "us-east-1", SessionName: "awf-cred-1-2", Duration: 15 * time.Minute, SessionPolicy: `{"Version":"2012-10-17"}`,
		PolicyARNs: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::123456789012:policy/p/q"}, Endpoint: e.URL, UserAgent: "awf-cred/test", Now: clock,
	}, doer(t))
	require.NoError(t, err)
	c, err := x.Exchange(t.Context(), assertion())
	require.NoError(t, err)
	assert.Equal(t, exchange.AWS, c.Kind)
	assert.True(t, c.Token.IsZero())
	assert.Equal(t, "ASIAABCDEFGHIJKLMNOP", c.AWS.AccessKeyID.Reveal())
	assert.Equal(t, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", c.AWS.SecretAccessKey.Reveal())
	assert.Equal(t, token, c.AWS.SessionToken.Reveal())
	assert.Equal(t, "request-in-xml", c.RequestID)

	got := e.received()[0]
	assert.Equal(t, "POST", got.method)
	assert.Equal(t, "/", got.path, "the assertion is never in a URL")
	assert.Equal(t, "application/x-www-form-urlencoded", got.header.Get("Content-Type"))
	assert.Empty(t, got.header.Get("Authorization"))
	assert.Empty(t, got.header.Get("Accept"), "XML is the default")
	form, err := url.ParseQuery(got.body)
	require.NoError(t, err)
	assert.Equal(t, url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {role}, "RoleSessionName": {"awf-cred-1-2"},
		"DurationSeconds": {"900"}, "WebIdentityToken": {jwt}, "Policy": {`{"Version":"2012-10-17"}`},
		"PolicyArns.member.1.arn": {"arn:aws:iam::aws:policy/ReadOnlyAccess"}, "PolicyArns.member.2.arn": {"arn:aws:iam::123456789012:policy/p/q"},
	}, form)
}

func TestAWSEndpoints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		region, role    string
		fips, dualStack bool
		want            string
	}{
		{"us-east-1", role, false, false, "https://sts.us-east-1.amazonaws.com/"},
		{"eu-central-1", role, false, true, "https://sts.eu-central-1.api.aws/"},
		{"us-east-2", role, true, false, "https://sts-fips.us-east-2.amazonaws.com/"},
		{"us-east-2", role, true, true, "https://sts-fips.us-east-2.api.aws/"},
		{"xx-future-7", role, false, false, "https://sts.xx-future-7.amazonaws.com/"},
		{"cn-north-1", "arn:aws-cn:iam::123456789012:role/ci", false, false, "https://sts.cn-north-1.amazonaws.com.cn/"},
		{"us-gov-west-1", "arn:aws-us-gov:iam::123456789012:role/ci", true, false, "https://sts.us-gov-west-1.amazonaws.com/"},
		{"us-gov-west-1", "arn:aws-us-gov:iam::123456789012:role/ci", true, true, "https://sts-fips.us-gov-west-1.api.aws/"},
		{"us-iso-east-1", "arn:aws-iso:iam::123456789012:role/ci", false, false, "https://sts.us-iso-east-1.c2s.ic.gov/"},
		{"us-isob-east-1", "arn:aws-iso-b:iam::123456789012:role/ci", false, false, "https://sts.us-isob-east-1.sc2s.sgov.gov/"},
		{"eu-isoe-west-1", "arn:aws-iso-e:iam::123456789012:role/ci", false, false, "https://sts.eu-isoe-west-1.cloud.adc-e.uk/"},
		{"us-isof-south-1", "arn:aws-iso-f:iam::123456789012:role/ci", false, false, "https://sts.us-isof-south-1.csp.hci.ic.gov/"},
		{"eusc-de-east-1", "arn:aws-eusc:iam::123456789012:role/ci", false, true, "https://sts.eusc-de-east-1.api.amazonwebservices.eu/"},
	} {
		x, err := exchange.NewAWS(exchange.AWSParams{RoleARN: c.role, Region: c.region, UseFIPS: c.fips, UseDualStack: c.dualStack}, http.DefaultClient)
		require.NoError(t, err, c.region)
		assert.Equal(t, c.want, x.Endpoint())
		assert.Equal(t, "sts.amazonaws.com", x.Audience())
		assert.False(t, x.SingleUse(assertion()))
	}
	for given, want := range map[string]string{"http://127.0.0.1:9000": "http://127.0.0.1:9000/", "https://h/sts/": "https://h/sts/", "https://h/sts": "https://h/sts/"} {
		x, err := exchange.NewAWS(exchange.AWSParams{RoleARN: "arn:minio:iam:::role/x-y", Region: "us-east-1", Endpoint: given}, http.DefaultClient)
		require.NoError(t, err, "another service has other partitions and no accounts")
		assert.Equal(t, want, x.Endpoint())
	}
}

func TestAWSSettings(t *testing.T) {
	t.Parallel()
	_, err := exchange.NewAWS(exchange.AWSParams{SessionName: "a b", Region: "nowhere", Duration: time.Minute, SessionPolicy: "[]",
		PolicyARNs: make([]string, 11)[:1], Audience: "a\nb"}, http.DefaultClient)
	assert.ErrorIs(t, err, exchange.Usage)
	for _, want := range []string{"role_arn is missing", "region is not a region", "role_session_name is not 2 to 64", "duration is not 15m to 12h",
		"session_policy is not a JSON policy: it is not a JSON object", "policy_arns is not a policy", "audience has a blank"} {
		assert.ErrorContains(t, err, want)
	}
	_, err = exchange.NewAWS(exchange.AWSParams{RoleARN: "arn:aws-cn:iam::123456789012:role/ci", Region: "us-east-1"}, http.DefaultClient)
	assert.ErrorContains(t, err, "role_arn is of the partition aws-cn, region us-east-1 of aws")
	_, err = exchange.NewAWS(exchange.AWSParams{RoleARN: role, Region: "us-east-1", PolicyARNs: make([]string, 11), Endpoint: "https://h/?a"}, http.DefaultClient)
	assert.ErrorContains(t, err, "policy_arns has 11 entries")
	assert.ErrorContains(t, err, "AWS_ENDPOINT_URL_STS has a query")
	_, err = exchange.NewAWS(exchange.AWSParams{RoleARN: "minio", Region: "us-east-1", TokenURL: "https://h/"}, http.DefaultClient)
	assert.ErrorContains(t, err, "role_arn does not begin with arn:")

	for _, c := range []struct {
		check func(string) error
		good  []string
		bad   []string
	}{
		{
			exchange.CheckAWSRoleARN,
			[]string{role, "arn:aws:iam::123456789012:role/path/to/A_b+c=d,e.f@g-h", "arn:aws-us-gov:iam::123456789012:role/x"},
			[]string{"", "ci", "arn:aws:iam::123456789012:user/ci", "arn:aws:iam::12345678901:role/ci", "arn:aws:iam::12345678901x:role/ci", "arn:aws:sts::123456789012:role/ci",
				"arn:aws:iam:us-east-1:123456789012:role/ci", "arn:aws:iam::123456789012:role/", "arn:aws:iam::123456789012:role/a/", "arn:aws:iam::123456789012:role/a b", "arn:other:iam::123456789012:role/ci",
				"arn:aws:iam::123456789012:role/" + strings.Repeat("a", 2048), "arn:aws:iam::123456789012:role/a&Action=x", "arn:aws:iam::aws:role/ci"},
		},
		{exchange.CheckAWSRegion, []string{"us-east-1", "ap-southeast-12", "us-gov-west-1"}, []string{"", "us", "us-east", "us-east-1a", "US-EAST-1", "us-east-1.evil.test", "us--1", "-east-1", "u-east-1", "us-east-1/x", "us_east_1"}},
		{exchange.CheckAWSSessionName, []string{"ab", "awf-cred-1-1", "a_b+c=d,e.f@g", strings.Repeat("a", 64)}, []string{"", "a", "a b", "a/b", "a:b", "ä-ä", strings.Repeat("a", 65)}},
		{
			exchange.CheckAWSSessionPolicy,
			[]string{`{}`, `{"Version":"2012-10-17","Statement":[]}`, `{"é":"` + strings.Repeat("é", 2000) + `"}`},
			[]string{"", "x", "[]", `{"a":"` + strings.Repeat("a", 2048) + `"}`},
		},
		{exchange.CheckAWSAnyRoleARN, []string{"arn:minio:iam:::role/x", role}, []string{"", "arn:a:b:c:d", "urn:a:b:c:d:e", "arn:a:b:c:d:e f"}},
	} {
		for _, v := range c.good {
			assert.NoError(t, c.check(v), v)
		}
		for _, v := range c.bad {
			assert.Error(t, c.check(v), "%.60q", v)
		}
	}
}

// F052 and U07.
func TestAWSAnswers(t *testing.T) {
	t.Parallel()
	v := vendors[1]
	require.Equal(t, "aws", v.name)
	const id, key = "ASIAABCDEFGHIJKLMNOP", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	at := now.Add(time.Hour).Format(time.RFC3339)
	good := awsAnswer(id, key, token, at)
	for _, c := range []struct{ name, body, want string }{
		{"an external entity", `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>` + strings.Replace(good, token, "&e;", 1), "document type"},
		{"an entity bomb", `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>` + strings.Replace(good, token, "&b;", 1), "document type"},
		{"an entity that nobody defined", strings.Replace(good, token, "&evil;", 1), "is not XML"},
		{"another namespace", strings.Replace(good, "https://sts.amazonaws.com/doc", "https://evil.test/doc", 1), "another namespace"},
		{"no namespace", strings.Replace(good, ` xmlns="https://sts.amazonaws.com/doc/2011-06-15/"`, "", 1), "another namespace"},
		{"a comment in a value", strings.Replace(good, token, token[:5]+"<!-- x -->"+token[5:], 1), "comment"},
		{"a processing instruction", strings.Replace(good, token, token+"<?php ?>", 1), "processing instruction"},
		{"an element in a value", strings.Replace(good, token, token+"<b>x</b>", 1), "text beside XML elements"},
		{"a second set of credentials", strings.Replace(good, "<Credentials>", "<Credentials></Credentials><Credentials>", 1), "Credentials is absent"},
		{"too many elements", strings.Replace(good, "<ResponseMetadata>", strings.Repeat("<a></a>", 300)+"<ResponseMetadata>", 1), "too many XML elements"},
		{"no AccessKeyId", strings.Replace(good, id, "", 1), "AccessKeyId"},
		{"id and key swapped", awsAnswer(key, id, token, at), "AccessKeyId"},
		{"an id with a line end", awsAnswer(id+"\n", key, token, at), "AccessKeyId"},
		{"a blank key", awsAnswer(id, " ", token, at), "SecretAccessKey"},
		{"a key with a blank", awsAnswer(id, key+" ", token, at), "SecretAccessKey"},
		{"no session token", awsAnswer(id, key, "", at), "SessionToken is empty"},
		{"no Expiration", awsAnswer(id, key, token, ""), "Expiration is absent"},
		{"an Expiration that is no time", awsAnswer(id, key, token, "soon"), "Expiration is absent or not a time"},
		{"an Expiration that is past", awsAnswer(id, key, token, now.Add(-time.Second).Format(time.RFC3339)), "Expiration is past"},
		{"an Expiration in the year 9999", awsAnswer(id, key, token, "9999-12-31T23:59:59Z"), "beyond belief"},
		{"an Expiration of 1e300", awsAnswer(id, key, token, "1e300"), "not a time"},
		{"another answer", strings.ReplaceAll(good, "AssumeRoleWithWebIdentityResponse", "GetCallerIdentityResponse"), "Credentials is absent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := v.refused(t, raw(200, "", c.body))
			assert.ErrorIs(t, e, exchange.Refused)
			assert.Contains(t, e.Error(), c.want)
			assert.NotContains(t, e.Error(), key)
		})
	}
	for _, c := range []struct{ name, body string }{
		{"CDATA is a way to write text", strings.Replace(good, token, "<![CDATA["+token+"]]>", 1)},
		{"a character reference is one, too", strings.Replace(good, token, "&#x73;"+token[1:], 1)},
		{"seconds since 1970", awsAnswer(id, key, token, "1767326645")},
		{"seconds since 1970 as a float", awsAnswer(id, key, token, "1.767326645E9")},
		{"fractions of a second", awsAnswer(id, key, token, now.Add(time.Hour).Format("2006-01-02T15:04:05.000Z"))},
		{"a declaration", `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + good},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := v.granted(t, raw(200, "", c.body))
			assert.Equal(t, token, v.secret(got))
			assert.Equal(t, time.Hour, got.Lifetime())
		})
	}
}

func TestAWSHints(t *testing.T) {
	t.Parallel()
	v := vendors[1]
	for code, want := range map[string]string{
		"AccessDenied":          `trust policy of ` + role + ` with what was presented: sub "repo:o/r:ref:refs/heads/main"`,
		"InvalidIdentityToken":  `IAM OIDC provider for "https://token.actions.githubusercontent.com" with the client id (audience) "sts.amazonaws.com"`,
		"ExpiredTokenException": "clock", "ValidationError": "1h0m0s, above the role's maximum", "RegionDisabledException": "us-east-1",
		"PackedPolicyTooLarge": "AWF_AUTH_AWS_SESSION_POLICY", "IDPRejectedClaim": "presented: sub",
	} {
		assert.Contains(t, v.refused(t, raw(400, "", awsRefusal(code, "x"))).Hint, want, code)
	}
	assert.Contains(t, v.refused(t, raw(400, "", awsRefusal("IDPCommunicationError", "x"))).Hint, `is "https://token.actions.githubusercontent.com" reachable`)
	e := listen(t, always(raw(400, "", awsRefusal("InvalidIdentityToken", "Incorrect token audience"))))
	x, err := exchange.NewAWS(exchange.AWSParams{RoleARN: "arn:aws-cn:iam::123456789012:role/ci", Region: "cn-north-1", TokenURL: e.URL, Now: clock}, doer(t))
	require.NoError(t, err)
	_, err = x.Exchange(t.Context(), assertion())
	assert.Contains(t, failure(t, err).Hint, "--oidc-audience) sets the audience, if the provider has another client id: in China it is often sts.amazonaws.com.cn")
	assert.Contains(t, v.refused(t, raw(404, "", "")).Hint, "AWS_ENDPOINT_URL_STS")
	assert.Equal(t, "request-in-xml", v.refused(t, raw(403, "", awsRefusal("AccessDenied", "x"))).RequestID)
}

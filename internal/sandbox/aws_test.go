package sandbox_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"hash/crc32"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

const stsAudience = "sts.amazonaws.com"

// assume posts AssumeRoleWithWebIdentity, changed by change; an empty value
// removes a parameter.
func assume(t *testing.T, sb *sandbox.Sandbox, token string, header map[string]string, change map[string]string) answer {
	t.Helper()
	form := url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {sb.Role().ARN},
		"RoleSessionName": {"awf-cred-1"}, "WebIdentityToken": {token}}
	for name, value := range change {
		form.Set(name, value)
		if value == "" {
			form.Del(name)
		}
	}
	all := map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
	for n, v := range header {
		all[n] = v
	}
	return do(t, sb, "POST", sb.URL(sandbox.HostSTS)+"/", all, form.Encode())
}

type session struct {
	Credentials struct {
		AccessKeyID     string `xml:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      time.Time
	} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	ARN string `xml:"AssumeRoleWithWebIdentityResult>AssumedRoleUser>Arn"`
}

func (s session) keys() aws.Credentials {
	return aws.Credentials{AccessKeyID: s.Credentials.AccessKeyID, SecretAccessKey: s.Credentials.SecretAccessKey, SessionToken: s.Credentials.SessionToken}
}

func assumed(t *testing.T, sb *sandbox.Sandbox) session {
	t.Helper()
	a := assume(t, sb, sb.MintToken(sandbox.Token{Audience: stsAudience}), nil, nil)
	require.Equal(t, 200, a.StatusCode, string(a.body))
	var s session
	require.NoError(t, xml.Unmarshal(a.body, &s))
	return s
}

func TestSTSGrantsASession(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	s := assumed(t, sb)
	assert.Regexp(t, `^ASIA[A-Z2-7]{16}$`, s.Credentials.AccessKeyID)
	assert.Equal(t, "arn:aws:sts::123456789012:assumed-role/ci/awf-cred-1", s.ARN)
	assert.WithinDuration(t, time.Now().Add(time.Hour), s.Credentials.Expiration, 5*time.Second)
	a := assume(t, sb, sb.MintToken(sandbox.Token{Audience: stsAudience}), map[string]string{"Accept": "application/json"}, map[string]string{"DurationSeconds": "900"})
	result := a.json(t)["AssumeRoleWithWebIdentityResponse"].(map[string]any)["AssumeRoleWithWebIdentityResult"].(map[string]any)
	assert.InDelta(t, time.Now().Unix()+900, result["Credentials"].(map[string]any)["Expiration"], 5)
	assert.NotEmpty(t, a.Header.Get("X-Amzn-RequestId"))
	again := sb.MintToken(sandbox.Token{Audience: stsAudience})
	assert.Equal(t, 200, assume(t, sb, again, nil, nil).StatusCode)
	assert.Equal(t, 200, assume(t, sb, again, nil, nil).StatusCode, "STS takes an assertion twice")
	assert.Equal(t, 1, sb.Counts().Providers["aws"].Replays, "and the sandbox counts it")
}

func TestSTSRefuses(t *testing.T) {
	t.Parallel()
	type claims = map[string]any
	now := time.Now().Unix()
	tests := []struct {
		name   string
		token  sandbox.Token
		change map[string]string
		status int
		code   string
	}{
		{"another audience", sandbox.Token{Audience: "x"}, nil, 400, "InvalidIdentityToken"},
		{"an expired token", sandbox.Token{Claims: claims{"exp": now - 1}}, nil, 400, "ExpiredTokenException"},
		{"a wrong signature", sandbox.Token{WrongKey: true}, nil, 400, "InvalidIdentityToken"},
		{"alg none", sandbox.Token{Alg: "none"}, nil, 400, "InvalidIdentityToken"},
		{"an unknown issuer", sandbox.Token{Claims: claims{"iss": "https://x"}}, nil, 400, "InvalidIdentityToken"},
		{"a subject that the trust policy does not name", sandbox.Token{Claims: claims{"sub": "repo:other/x:ref:y"}}, nil, 403, "AccessDenied"},
		{"an unknown role", sandbox.Token{}, map[string]string{"RoleArn": "arn:aws:iam::123456789012:role/other"}, 403, "AccessDenied"},
		{"a short role", sandbox.Token{}, map[string]string{"RoleArn": "arn"}, 400, "ValidationError"},
		{"no session name", sandbox.Token{}, map[string]string{"RoleSessionName": ""}, 400, "ValidationError"},
		{"a session name with a blank", sandbox.Token{}, map[string]string{"RoleSessionName": "a b"}, 400, "ValidationError"},
		{"a session name of 65", sandbox.Token{}, map[string]string{"RoleSessionName": strings.Repeat("a", 65)}, 400, "ValidationError"},
		{"a token over 20,000", sandbox.Token{Pad: 20000}, nil, 400, "ValidationError"},
		{"899 s", sandbox.Token{}, map[string]string{"DurationSeconds": "899"}, 400, "ValidationError"},
		{"43201 s", sandbox.Token{}, map[string]string{"DurationSeconds": "43201"}, 400, "ValidationError"},
		{"above the role's maximum", sandbox.Token{}, map[string]string{"DurationSeconds": "7201"}, 400, "ValidationError"},
		{"a duration in words", sandbox.Token{}, map[string]string{"DurationSeconds": "1h"}, 400, "ValidationError"},
		{"a provider id", sandbox.Token{}, map[string]string{"ProviderId": "www.amazon.com"}, 400, "ValidationError"},
		{"session tags", sandbox.Token{}, map[string]string{"Tags.member.1.Key": "a"}, 400, "ValidationError"},
		{"a policy that is not JSON", sandbox.Token{}, map[string]string{"Policy": "{"}, 400, "MalformedPolicyDocument"},
		{"a policy of 2,049", sandbox.Token{}, map[string]string{"Policy": `"` + strings.Repeat("a", 2047) + `"`}, 400, "ValidationError"},
		{"policy ARNs with a gap", sandbox.Token{}, map[string]string{"PolicyArns.member.2.arn": "arn:aws:iam::aws:policy/x"}, 400, "ValidationError"},
		{"another action", sandbox.Token{}, map[string]string{"Action": "AssumeRole"}, 400, "InvalidAction"},
		{"another version", sandbox.Token{}, map[string]string{"Version": "2010-05-08"}, 400, "InvalidAction"},
	}
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.Role.MaxSession = 2 * time.Hour }))
	for _, tt := range tests {
		if tt.token.Audience == "" {
			tt.token.Audience = stsAudience
		}
		a := assume(t, sb, sb.MintToken(tt.token), nil, tt.change)
		var e struct {
			XMLName xml.Name `xml:"ErrorResponse"`
			Code    string   `xml:"Error>Code"`
			Message string   `xml:"Error>Message"`
		}
		require.NoError(t, xml.Unmarshal(a.body, &e), tt.name)
		assert.Equal(t, tt.status, a.StatusCode, tt.name)
		assert.Equal(t, tt.code, e.Code, tt.name)
		assert.NotEmpty(t, e.Message, tt.name)
	}
	token := sb.MintToken(sandbox.Token{Audience: stsAudience})
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	query := "/?Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=ab&RoleArn=" + sb.Role().ARN + "&WebIdentityToken=" + token
	assert.Equal(t, 400, do(t, sb, "GET", sb.URL(sandbox.HostSTS)+query, nil, "").StatusCode, "the token in a URL")
	assert.Equal(t, 400, do(t, sb, "POST", sb.URL(sandbox.HostSTS)+query, form, "").StatusCode, "also with POST")
	assert.Equal(t, 400, do(t, sb, "POST", sb.URL(sandbox.HostSTS)+"/", map[string]string{"Content-Type": "application/json"}, "{}").StatusCode)
	whole := url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {sb.Role().ARN}, "RoleSessionName": {"ab"}, "WebIdentityToken": {token}}
	assert.Equal(t, 400, do(t, sb, "POST", sb.URL(sandbox.HostSTS)+"/?Version=2011-06-15", form, whole.Encode()).StatusCode, "a query beside a good form")
	assert.Equal(t, 400, do(t, sb, "PUT", sb.URL(sandbox.HostSTS)+"/", form, whole.Encode()).StatusCode)
	assert.Zero(t, sb.Counts().Accepted)
	assert.Equal(t, 200, assume(t, sb, token, nil, map[string]string{"Policy": `{"Version":"2012-10-17"}`, "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/x", "DurationSeconds": "7200"}).StatusCode)
}

func TestSTSFaultsHaveItsShape(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.WithFault(sandbox.AWSToken, sandbox.Refusal(400, "IDPCommunicationError"), sandbox.Status(503)))
	token := sb.MintToken(sandbox.Token{Audience: stsAudience})
	assert.Contains(t, string(assume(t, sb, token, nil, nil).body), "<Code>IDPCommunicationError</Code>")
	a := assume(t, sb, token, map[string]string{"Accept": "application/json"}, nil)
	assert.Equal(t, "ServiceUnavailable", a.json(t)["Error"].(map[string]any)["Code"])
}

const bedrockBody = `{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`

// signed sends a request signed by the AWS SDK's own signer.
func signed(t *testing.T, sb *sandbox.Sandbox, keys aws.Credentials, service, target, body string, after func(*http.Request)) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", sb.URL(sandbox.HostBedrock)+target, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	req.Header.Set("X-Amz-Content-Sha256", hash)
	require.NoError(t, v4.NewSigner().SignHTTP(context.Background(), keys, req, hash, service, "us-east-1", sb.Now()))
	req.Close = true
	if after != nil {
		after(req)
	}
	res, err := sb.Client().Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(res.Body)
	require.NoError(t, err)
	return answer{res, b.Bytes()}
}

func TestBedrockTakesWhatTheSDKSigns(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	keys := assumed(t, sb).keys()
	for _, model := range []string{"anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-haiku-20240307-v1%3A0",
		"arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.anthropic.x"} {
		a := signed(t, sb, keys, "bedrock", "/model/"+model+"/invoke", bedrockBody, nil)
		assert.Equal(t, 200, a.StatusCode, "%s: %s", model, a.body)
		a = signed(t, sb, keys, "bedrock", "/model/"+model+"/converse?b=2&a=x%20y", bedrockBody, nil)
		assert.Equal(t, 200, a.StatusCode, "%s: %s", model, a.body)
	}
	path := "/model/anthropic.x/invoke"
	for name, a := range map[string]answer{
		"another service":  signed(t, sb, keys, "bedrock-runtime", path, bedrockBody, nil),
		"an unknown key":   signed(t, sb, aws.Credentials{AccessKeyID: "ASIAX", SecretAccessKey: "x"}, "bedrock", path, bedrockBody, nil),
		"another token":    signed(t, sb, aws.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey}, "bedrock", path, bedrockBody, nil),
		"a changed header": signed(t, sb, keys, "bedrock", path, bedrockBody, func(r *http.Request) { r.Header.Set("X-Amz-Extra", "1") }),
	} {
		assert.Equal(t, 403, a.StatusCode, name)
		assert.NotEmpty(t, a.Header.Get("X-Amzn-ErrorType"), name)
		assert.NotEmpty(t, a.json(t)["message"], name)
	}
	assert.Equal(t, 400, signed(t, sb, keys, "bedrock", path, strings.Replace(bedrockBody, "{", `{"stream":true,`, 1), nil).StatusCode)
	sb.ClockOffset(61 * time.Minute)
	late := signed(t, sb, keys, "bedrock", path, bedrockBody, nil)
	assert.Equal(t, 403, late.StatusCode)
	assert.True(t, strings.HasPrefix(late.Header.Get("X-Amzn-ErrorType"), "ExpiredTokenException"))
}

// frames checks lengths and CRCs and returns the payloads by event type.
func frames(t *testing.T, b []byte) (kinds []string, payloads [][]byte) {
	t.Helper()
	for len(b) > 0 {
		total, head := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
		require.Equal(t, crc32.ChecksumIEEE(b[:8]), binary.BigEndian.Uint32(b[8:]))
		require.Equal(t, crc32.ChecksumIEEE(b[:total-4]), binary.BigEndian.Uint32(b[total-4:]))
		headers := string(b[12 : 12+head])
		_, after, ok := strings.Cut(headers, ":event-type\x07\x00")
		require.True(t, ok)
		kinds = append(kinds, after[1:1+after[0]])
		payloads = append(payloads, b[12+head:total-4])
		b = b[total:]
	}
	return kinds, payloads
}

func TestBedrockStreamsRealFrames(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	keys := assumed(t, sb).keys()
	a := signed(t, sb, keys, "bedrock", "/model/anthropic.x/invoke-with-response-stream", bedrockBody, nil)
	assert.Equal(t, "application/vnd.amazon.eventstream", a.Header.Get("Content-Type"))
	kinds, payloads := frames(t, a.body)
	require.Len(t, kinds, 9)
	var chunk struct{ Bytes []byte }
	var text string
	for i, p := range payloads {
		assert.Equal(t, "chunk", kinds[i])
		require.NoError(t, json.Unmarshal(p, &chunk))
		var e struct {
			Type  string
			Delta struct{ Text string }
		}
		require.NoError(t, json.Unmarshal(chunk.Bytes, &e))
		text += e.Delta.Text
	}
	assert.Equal(t, "Hello, world", text)
	kinds, _ = frames(t, signed(t, sb, keys, "bedrock", "/model/m/converse-stream", bedrockBody, nil).body)
	assert.Equal(t, []string{"messageStart", "contentBlockDelta", "contentBlockDelta", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"}, kinds)
}

func TestABedrockAPIKey(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.APIKey = "static-key" }))
	keys := assumed(t, sb).keys()
	key := func(expires, region, suffix string, encoding *base64.Encoding) string {
		req, err := http.NewRequest("POST", "https://bedrock.amazonaws.com/?Action=CallWithBearerToken&X-Amz-Expires="+expires, nil)
		require.NoError(t, err)
		const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
		signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), keys, req, empty, "bedrock", region, sb.Now())
		require.NoError(t, err)
		return "bedrock-api-key-" + encoding.EncodeToString([]byte(strings.TrimPrefix(signed, "https://")+suffix))
	}
	std := base64.StdEncoding
	status := func(token string, more ...string) int {
		header := map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}
		for _, name := range more {
			header[name] = "x"
		}
		return do(t, sb, "POST", sb.URL(sandbox.HostBedrock)+"/model/anthropic.x/invoke", header, bedrockBody).StatusCode
	}
	good := key("43200", "us-east-1", "&Version=1", std)
	assert.Equal(t, 200, status(good))
	assert.Equal(t, 200, status("static-key"))
	assert.Equal(t, 403, status(good, "X-Amz-Security-Token"), "a session token beside it")
	for name, token := range map[string]string{
		"beyond twelve hours": key("43201", "us-east-1", "&Version=1", std),
		"another region":      key("43200", "us-west-2", "&Version=1", std),
		"without a version":   key("43200", "us-east-1", "", std),
		"without padding":     key("43200", "us-east-1", "&Version=1", base64.RawStdEncoding) + "!",
		"another prefix":      strings.Replace(good, "bedrock", "bedrok", 1),
		"an Anthropic token":  sb.GrantToken("anthropic", time.Minute),
	} {
		assert.Equal(t, 403, status(token), name)
	}
	short := key("60", "us-east-1", "&Version=1", std)
	sb.ClockOffset(59 * time.Second)
	assert.Equal(t, 200, status(short))
	sb.ClockOffset(61 * time.Second)
	assert.Equal(t, 403, status(short), "the key has expired, the session has not")
	sb.ClockOffset(2 * time.Hour)
	assert.Equal(t, 403, status(good), "the session has expired, the key has not")
}

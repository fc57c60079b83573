package provider_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// The vector was computed with the presigner of the AWS SDK for Go for these keys
// and this time.
func TestBedrockAPIKey(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := exchange.Credential{Provider: "aws", Kind: exchange.AWS, ExpiresAt: now.Add(24 * time.Hour), AWS: &exchange.AWSKeys{
		AccessKeyID: secret.New("AKIDEXAMPLE"), SecretAccessKey: secret.New("SECRET"), SessionToken: secret.New("TOK"),
	}}
	make := vendor(t, "aws").ShortKey
	key, err := make(values("region", "us-east-1"), c, now)
	require.NoError(t, err)
	encoded, ok := strings.CutPrefix(key.Reveal(), "bedrock-api-key-")
	require.True(t, ok)
	plain, err := base64.StdEncoding.DecodeString(encoded)
	require.NoError(t, err)
	u, err := url.Parse("https://" + string(plain))
	require.NoError(t, err)
	assert.Equal(t, "bedrock.amazonaws.com", u.Host)
	assert.True(t, strings.HasSuffix(string(plain), "&Version=1"))
	assert.Equal(t, url.Values{
		"Action": {"CallWithBearerToken"}, "Version": {"1"}, "X-Amz-Algorithm": {"AWS4-HMAC-SHA256"},
		"X-Amz-Credential": {"AKIDEXAMPLE/20260102/us-east-1/bedrock/aws4_request"}, "X-Amz-Date": {"20260102T030405Z"},
		"X-Amz-Expires": {"43200"}, "X-Amz-Security-Token": {"TOK"}, "X-Amz-SignedHeaders": {"host"},
		"X-Amz-Signature": {"ddca95840e8a4aa3b93ae018e4de9cdb8d060ab1697f86a95ade95a933f59ec5"},
	}, u.Query())

	t.Run("it does not claim to live longer than the keys", func(t *testing.T) {
		t.Parallel()
		c := c
		c.ExpiresAt = now.Add(time.Hour + 900*time.Millisecond)
		key, err := make(values("region", "us-east-1"), c, now)
		require.NoError(t, err)
		plain, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key.Reveal(), "bedrock-api-key-"))
		require.NoError(t, err)
		assert.Contains(t, string(plain), "X-Amz-Expires=3600&")
	})
	t.Run("keys that have ended make none", func(t *testing.T) {
		t.Parallel()
		c := c
		c.ExpiresAt = now
		_, err := make(values("region", "us-east-1"), c, now)
		require.Error(t, err)
	})
}

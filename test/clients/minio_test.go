//go:build unix

package clients

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// minioBinary is a MinIO server that `make minio` has built; empty: none.
var minioBinary = os.Getenv("AWF_MINIO")

// TestAForeignSTSTakesOurExchange: MinIO reads the issuer's discovery document and
// keys by itself and judges our exchange; what it grants signs requests to it.
func TestAForeignSTSTakesOurExchange(t *testing.T) {
	t.Parallel()
	if minioBinary == "" {
		t.Skip("MinIO takes minutes to build: run `make minio`")
	}
	// Plain HTTP, so that MinIO needs no root of ours.
	w := newWorld(t, (*sandbox.Sandbox).AWSEnv, sandbox.With(func(c *sandbox.Config) { c.TLS = false }))
	base, role := startMinIO(w)
	w.step = w.step.with(environment{"AWF_AUTH_AWS_TOKEN_URL": base + "/", "AWF_AUTH_AWS_ROLE_ARN": role})

	var got struct {
		AccessKey string    `json:"access_key_id"`
		Secret    string    `json:"secret_access_key"`
		Session   string    `json:"session_token"`
		ExpiresAt time.Time `json:"expires_at"`
		Cached    bool      `json:"cached"`
	}
	require.NoError(t, json.Unmarshal([]byte(w.product("token", "--format", "json").ok(t)), &got))
	assert.WithinDuration(t, time.Now().Add(time.Hour), got.ExpiresAt, 5*time.Minute)
	assert.False(t, got.Cached)

	key := aws.Credentials{AccessKeyID: got.AccessKey, SecretAccessKey: got.Secret, SessionToken: got.Session}
	status, _ := signed(t, key, http.MethodPut, base+"/a-bucket")
	assert.Equal(t, http.StatusOK, status, "make a bucket")
	status, body := signed(t, key, http.MethodGet, base+"/")
	assert.Equal(t, http.StatusOK, status, "list the buckets")
	assert.Contains(t, body, "<Name>a-bucket</Name>")
	key.SessionToken += "x"
	status, _ = signed(t, key, http.MethodGet, base+"/")
	assert.Equal(t, http.StatusForbidden, status, "another session token is refused: MinIO does look")

	w.product("token", "--format", "credential-process").ok(t)
	assert.Equal(t, 1, w.sb.Counts().Mints, "the second form comes from the cache")

	// What MinIO refuses is told as a refusal.
	refused := w.run(w.step.with(environment{"AWF_AUTH_OIDC_AUDIENCE": "someone-else"}), binary, "token", "--format", "json")
	assert.Equal(t, 4, refused.status, "exit status\n%s", refused.err)
}

var roleARN = regexp.MustCompile(`arn:minio:iam:::role/[\w-]+`)

// startMinIO starts a server that trusts the sandbox's issuer, and returns its base
// URL and the role that it announces.
func startMinIO(w *world) (base, role string) {
	w.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	address := ln.Addr().String()
	require.NoError(w.t, ln.Close())
	data := filepath.Join(w.home, "data")
	require.NoError(w.t, os.Mkdir(data, 0o700))
	p := w.start(w.plain.with(environment{
		"MINIO_ROOT_USER": "root-of-the-test", "MINIO_ROOT_PASSWORD": "password-of-the-test",
		"MINIO_BROWSER":                     "off", // else it opens a second port, on all addresses
		"MINIO_UPDATE":                      "off",
		"MINIO_IDENTITY_OPENID_CONFIG_URL":  w.sb.URL(sandbox.HostGitHub) + "/.well-known/openid-configuration",
		"MINIO_IDENTITY_OPENID_CLIENT_ID":   w.sb.Role().ClientIDs[0],
		"MINIO_IDENTITY_OPENID_ROLE_POLICY": "readwrite",
	}), "sh", "-c", `exec "$@" 2>&1`, "sh", minioBinary, "server", "--address", address, data)
	for role == "" {
		line, ok := p.line()
		require.True(w.t, ok, "MinIO has ended: %s", p.err)
		role = roleARN.FindString(line)
	}
	base = "http://" + address
	limit := time.NewTimer(bound)
	defer limit.Stop()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		if answer, err := http.Get(base + "/minio/health/ready"); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return base, role
			}
		}
		select {
		case <-look.C:
		case <-limit.C:
			require.Fail(w.t, "MinIO is not ready", "%s", p.err)
		}
	}
}

// signed makes a call that the AWS SDK's signer has signed for S3.
func signed(t *testing.T, key aws.Credentials, method, url string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	require.NoError(t, err)
	empty := sha256.Sum256(nil)
	sum := hex.EncodeToString(empty[:])
	r.Header.Set("X-Amz-Content-Sha256", sum)
	require.NoError(t, v4.NewSigner().SignHTTP(ctx, key, r, sum, "s3", "us-east-1", time.Now(),
		func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }))
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	require.NoError(t, err)
	return answer.StatusCode, string(body)
}

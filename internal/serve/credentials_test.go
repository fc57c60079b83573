//go:build unix

package serve_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/serve"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

func TestCredentialsEndpoint(t *testing.T) {
	t.Parallel()
	const word = "0123456789abcdefXYZ"
	key, err := proxy.NewKey(secret.New(word))
	require.NoError(t, err)
	w := newWorld(t).start(func(o *serve.Options) {
		o.CredentialsKey, o.Credentials, o.CredentialsProfile = key, "127.0.0.1:0", "aws"
		o.Plan.Profiles = append(o.Plan.Profiles, serve.Profile{Name: "aws", Provider: "aws", Source: tokensource.NewStatic(awsCredential())})
	})
	status, body := w.message(w.url())
	require.Equal(t, 200, status, "its key is not that of the proxy: "+body)
	endpoint := *w.ready.CredentialsEndpoint
	assert.True(t, strings.HasPrefix(endpoint, "http://127.0.0.1:"))
	for _, row := range []struct { // T48
		name   string
		method string
		path   string
		change func(*http.Request)
		status int
	}{
		{"the key as it is", "GET", "", nil, 200},
		{"any path", "GET", "v2/credentials/x?y=z", nil, 200},
		{"the key as a bearer token", "GET", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+word) }, 200},
		{"no key", "GET", "", func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		{"a wrong key", "GET", "", func(r *http.Request) { r.Header.Set("Authorization", word+"x") }, 401},
		{"two keys", "GET", "", func(r *http.Request) { r.Header.Add("Authorization", word) }, 401},
		{"through another server", "GET", "", func(r *http.Request) { r.Header.Set("X-Forwarded-For", "10.0.0.1") }, 403},
		{"a web page", "GET", "", func(r *http.Request) { r.Header.Set("Origin", "http://evil.test") }, 403},
		{"another method", "POST", "", nil, 405},
		{"HEAD", "HEAD", "", nil, 405},
		{"a foreign Host", "GET", "", func(r *http.Request) { r.Host = "evil.test" }, 421},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequest(row.method, endpoint+row.path, nil)
			require.NoError(t, err)
			req.Header.Set("Authorization", word)
			if row.change != nil {
				row.change(req)
			}
			status, body := w.do(http.DefaultClient, req)
			assert.Equal(t, row.status, status, body)
			if status != 200 {
				assert.NotContains(t, body, "ASIA")
				return
			}
			var got map[string]string
			require.NoError(t, json.Unmarshal([]byte(body), &got))
			assert.Equal(t, "ASIASANDBOX", got["AccessKeyId"])
			assert.Equal(t, "s3cret", got["SecretAccessKey"])
			assert.Equal(t, "session", got["Token"])
			assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, got["Expiration"])
		})
	}
}

func TestTheCredentialsEndpointWithATokenOnly(t *testing.T) {
	t.Parallel()
	const word = "0123456789abcdefXYZ"
	key, err := proxy.NewKey(secret.New(word))
	require.NoError(t, err)
	w := newWorld(t).start(func(o *serve.Options) { o.Key, o.Credentials, o.CredentialsProfile = key, "127.0.0.1:0", "p" })
	req, err := http.NewRequest(http.MethodGet, *w.ready.CredentialsEndpoint, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", word)
	status, body := w.do(http.DefaultClient, req)
	assert.Equal(t, 503, status, "the profile's credential is a token")
	assert.NotContains(t, body, "sk-ant")
}

func TestTheCredentialsEndpointNeedsAKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	requireUsage(t, w.try(func(o *serve.Options) { o.Credentials = "127.0.0.1:0" }), "needs a key")
}

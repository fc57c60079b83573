package safehttp_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/safehttp"
)

func TestProxyForIsTheWayOfTheClientItself(t *testing.T) {
	t.Parallel()
	env := map[string]string{"HTTPS_PROXY": "http://user:p%40ss@proxy.test:3128", "NO_PROXY": "internal.test"}
	c, err := safehttp.New(safehttp.Options{Env: func(n string) string { return env[n] }})
	require.NoError(t, err)
	for _, tc := range []struct{ name, to, want string }{
		{"a host out there goes through the proxy, with its password", "https://api.example.com", "http://user:p%40ss@proxy.test:3128"},
		{"an exception goes directly", "https://a.internal.test", ""},
		{"loopback goes directly", "https://127.0.0.1:1234", ""},
		{"plain http goes directly", "http://127.0.0.1", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(tc.to)
			require.NoError(t, err)
			got := c.ProxyFor(u)
			if tc.want == "" {
				assert.Nil(t, got)
				return
			}
			assert.Equal(t, tc.want, got.String())
		})
	}
}

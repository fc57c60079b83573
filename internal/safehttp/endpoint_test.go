package safehttp_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/safehttp"
)

func TestCheckEndpoint(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"https://api.anthropic.com/v1/oauth/token", "https://host:8443/?a=b", "http://127.0.0.1:8080/x", "http://127.9.9.9",
		"http://[::1]:1/", "http://localhost:1", "HTTPS://Host/", "https://192.0.2.1/", "https://[2001:db8::1]/",
	} {
		assert.NoError(t, safehttp.CheckEndpoint(good), good)
	}
	for _, bad := range []string{ // T31 and more
		"", "api.anthropic.com", "//host/", "ftp://host/", "file:///etc/passwd", "https:host", "https://", "https:///x",
		"http://api.anthropic.com/", "http://127.0.0.1.evil.test", "http://localhost.evil.test", "http://[::ffff:127.0.0.1]",
		"http://0x7f.1", "http://2130706433", "http://127.0.0.1@evil.test", "http://127.1", "http://0177.0.0.1", "http://0.0.0.0",
		"http://localhost.", "http://[::1%25lo]/", "https://user@host/", "https://u:p@host/", "https://host/#f", "https://host/#",
		"https://host:0/", "https://host:65536/", "https://host:/", "https://host:x/", "https://ho st/", "https://host/\r\nX: y",
		"https://host/\x00", "https://hö.st/", "https://host\\evil/", " https://host/",
	} {
		assert.Error(t, safehttp.CheckEndpoint(bad), bad)
	}
}

// FuzzCheckEndpoint: a URL that passes is http or https, has a host, no user, and
// is plain only to a literal loopback.
func FuzzCheckEndpoint(f *testing.F) {
	for _, s := range []string{"https://a/", "http://127.0.0.1", "http://[::1]:1", "http://127.0.0.1@evil", "http://localhost:1#x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if safehttp.CheckEndpoint(s) != nil {
			return
		}
		u, err := url.Parse(s)
		require.NoError(t, err)
		require.Nil(t, u.User)
		require.NotEmpty(t, u.Hostname())
		require.True(t, u.Scheme == "https" || u.Scheme == "http" && safehttp.IsLoopback(u.Hostname()))
	})
}

package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/awf-cred/awf-cred/internal/config"
)

// T31: an endpoint is https, or plain http to a loopback literal.
func TestEndpointsThatSecretsMayGoTo(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"https://api.example", "https://api.example:8443/v1/oauth/token", "https://[2001:db8::1]/x", "HTTPS://API.EXAMPLE/",
		"http://127.0.0.1:8080", "http://127.1.2.3/x", "http://[::1]:1/x", "http://localhost:1", "http://LOCALHOST/",
	} {
		assert.NoError(t, config.CheckEndpoint(good), good)
	}
	for _, bad := range []string{
		"http://127.0.0.1.evil.test", "http://localhost.evil.test", "http://[::ffff:127.0.0.1]/", "http://0x7f.1", "http://2130706433",
		"http://127.0.0.1@evil.test", "http://user:pass@127.0.0.1/", "https://user@api.example", "http://127.1/", "http://0177.0.0.1/",
		"http://[::1%25lo]/", "http://127.0.0.1%2eevil.test/", "http://localhost./", "http://10.0.0.1", "http://example.com",
		"https://", "https:///path", "https:api.example", "//api.example", "api.example", "api.example:443", "", "https://:443/",
		"https://api.example?x=1", "https://api.example?", "https://api.example#f", "https://api.example#", "ftp://api.example", "unix:/x",
		"https://api.example:", "https://api.example:0", "https://api.example:65536", "https://api.example:x", "https://a b.example", "https://api.example/a b", `https://api.example\@evil.test`, "https://api.example/\x7f",
	} {
		assert.Error(t, config.CheckEndpoint(bad), bad)
	}
}

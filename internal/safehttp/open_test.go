package safehttp

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A machine where localhost is somewhere else cannot be staged without being root.
func TestPlainHTTPStaysAtHome(t *testing.T) {
	t.Parallel()
	for _, a := range []string{"127.0.0.1:80", "[::1]:80", "127.1.2.3:1"} {
		assert.NoError(t, onlyLoopback("tcp", a, nil), a)
	}
	for _, a := range []string{"192.0.2.1:80", "[2001:db8::1]:80", "0.0.0.0:80", "", "x"} {
		assert.Error(t, onlyLoopback("tcp", a, nil), a)
	}
}

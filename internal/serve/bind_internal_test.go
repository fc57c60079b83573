package serve

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// An address that can never be bound is a mistake of the caller (exit 2), not a
// port that is taken (exit 7).
func TestAnAddressThatCannotExistIsUsage(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1", "127.0.0.1:65536", "127.0.0.1:-1", "[::1]:no-such-service"} {
		_, err := bind(address, false, false)
		var e *exchange.Error
		require.ErrorAs(t, err, &e, address)
		assert.Equal(t, exchange.Usage, e.Cause, address)
	}
}

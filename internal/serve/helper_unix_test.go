//go:build unix

package serve_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// inheritable is a copy of a descriptor as our caller would pass it: without
// close-on-exec. It is the server's to close.
func inheritable(t *testing.T, f *os.File) int {
	t.Helper()
	fd, err := unix.Dup(int(f.Fd()))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return fd
}

func makeFIFO(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, unix.Mkfifo(path, 0o600))
}

func requireUsage(t *testing.T, err error, says ...string) {
	t.Helper()
	require.ErrorIs(t, err, exchange.Usage)
	for _, s := range says {
		assert.True(t, strings.Contains(err.Error(), s), "%q in %v", s, err)
	}
}

//go:build unix

package config_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/awf-cred/awf-cred/internal/config"
)

// F004: a FIFO that nobody writes to is refused, not waited for.
func TestAFIFOIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fifo.yaml")
	require.NoError(t, unix.Mkfifo(path, 0o600))
	_, err := config.Load(inputs("AWF_CRED_CONFIG=" + path))
	assert.Contains(t, problemsOf(t, err), "it is not a regular file")

	_, err = config.Load(inputs("AWF_CRED_CONFIG=/dev/zero"))
	assert.Contains(t, problemsOf(t, err), "it is not a regular file")
}

package identity_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/clock"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/identity"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

func fileSource(t *testing.T, path string) tokensource.Identity {
	return source(t, identity.Options{Identity: config.Identity{Type: config.File, Path: path}})
}

func put(t *testing.T, path, text string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// F032: what a token file may and may not hold.
func TestATokenFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"a token", jwt(nil), ""},
		{"a trailing newline", jwt(nil) + "\n", ""},
		{"a line end of Windows", jwt(nil) + "\r\n", ""},
		{"empty", "", "is empty"},
		{"blank", " \n\n", "is blank"},
		{"a byte order mark", "\xef\xbb\xbf" + jwt(nil), "byte order mark"},
		{"two lines", jwt(nil) + "\n" + jwt(nil) + "\n", "holds more than one line"},
		{"binary", "\x00\x01\xff\xfe" + strings.Repeat("\x80", 100), "is not a JWT"},
		{"64 KiB and a byte", strings.Repeat("x", 64<<10+1), "is larger than the 64 KiB"},
		{"64 KiB", strings.Repeat("x", 64<<10), "has 65536 bytes"},
		{"expired", jwt(claims{"exp": minutes(-10)}), "exp: the token expired 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := put(t, filepath.Join(t.TempDir(), "token"), tt.text)
			s := fileSource(t, path)
			if tt.want != "" {
				e := refused(t, s)
				assert.Contains(t, e.Error(), tt.want)
				assert.Contains(t, e.Error(), path)
				return
			}
			a, err := s.Assertion(t.Context(), "")
			require.NoError(t, err)
			assert.Equal(t, strings.TrimSpace(tt.text), a.Token.Reveal())
		})
	}
}

func TestAFileThatIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for want, path := range map[string]string{
		"does not exist": filepath.Join(dir, "absent"), "is a directory": dir, "is not a regular file": "/dev/zero", "cannot be opened": filepath.Join(put(t, filepath.Join(dir, "f"), ""), "x"),
	} {
		assert.Contains(t, refused(t, fileSource(t, path)).Error(), want)
		_, err := fileSource(t, path).Fingerprint(t.Context())
		require.ErrorIs(t, err, exchange.Identity)
	}
}

func TestTheFileIsReadAgainForEveryToken(t *testing.T) {
	t.Parallel()
	path := put(t, filepath.Join(t.TempDir(), "token"), jwt(claims{"jti": "1"}))
	s := fileSource(t, path)
	first, err := s.Assertion(t.Context(), "")
	require.NoError(t, err)
	put(t, path, jwt(claims{"jti": "2"}))
	second, err := s.Assertion(t.Context(), "")
	require.NoError(t, err)
	assert.NotEqual(t, first.ID, second.ID)
}

// A kubelet renews a projected token by moving the link ..data.
func TestLinksAreFollowedAsAKubeletMovesThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, v := range []string{"1", "2"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, ".."+v), 0o700))
		put(t, filepath.Join(dir, ".."+v, "token"), jwt(claims{"jti": v}))
	}
	require.NoError(t, os.Symlink("..1", filepath.Join(dir, "..data")))
	require.NoError(t, os.Symlink("..data/token", filepath.Join(dir, "token")))
	s := fileSource(t, filepath.Join(dir, "token"))
	first, err := s.Assertion(t.Context(), "")
	require.NoError(t, err)
	before, err := s.Fingerprint(t.Context())
	require.NoError(t, err)
	require.NoError(t, os.Symlink("..2", filepath.Join(dir, "..new")))
	require.NoError(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
	second, err := s.Assertion(t.Context(), "")
	require.NoError(t, err)
	assert.NotEqual(t, first.ID, second.ID)
	after, err := s.Fingerprint(t.Context())
	require.NoError(t, err)
	assert.Equal(t, before, after, "the same workload")
	other, err := fileSource(t, filepath.Join(dir, "..data", "token")).Fingerprint(t.Context())
	require.NoError(t, err)
	assert.NotEqual(t, before, other, "the path is part of it")
}

// waiting is a clock that does something whenever somebody waits.
type waiting struct {
	clock.System
	do func()
}

func (w waiting) NewTimer(time.Duration) tokensource.Timer {
	w.do()
	return w.System.NewTimer(0)
}

func TestAFileThatIsBeingWrittenInPlaceIsReadAgain(t *testing.T) {
	t.Parallel()
	token := jwt(nil)
	path := put(t, filepath.Join(t.TempDir(), "token"), "")
	steps := []func(){
		func() { put(t, path, token[:40]) },
		func() { require.NoError(t, os.Remove(path)) },
		func() { put(t, path, token[:len(token)-len(signature)-1]) },
		func() { put(t, path, token) },
	}
	s := source(t, identity.Options{Identity: config.Identity{Type: config.File, Path: path}, Clock: waiting{do: func() {
		steps[0]()
		steps = steps[1:]
	}}})
	a, err := s.Assertion(t.Context(), "")
	require.NoError(t, err)
	assert.Equal(t, token, a.Token.Reveal())
	assert.Empty(t, steps)
}

func TestAFileThatChangesForEverIsGivenUp(t *testing.T) {
	t.Parallel()
	path := put(t, filepath.Join(t.TempDir(), "token"), "")
	n := 0
	s := source(t, identity.Options{Identity: config.Identity{Type: config.File, Path: path}, Clock: waiting{do: func() {
		n++
		put(t, path, strings.Repeat("x", n))
	}}})
	refused(t, s)
	assert.Equal(t, 20, n)
}

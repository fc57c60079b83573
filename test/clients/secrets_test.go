//go:build unix

package clients

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var jwt = regexp.MustCompile(`eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{16,}`)

// secrets are what has reached the vendors as a credential: request tokens,
// assertions with their signatures alone, bearer tokens, AWS sessions.
func (w *world) secrets() []string {
	found := map[string]bool{}
	for _, r := range w.sb.Requests() {
		for _, text := range []string{string(r.Head), string(r.Body)} {
			for _, token := range jwt.FindAllString(text, -1) {
				found[token] = true
				found[token[strings.LastIndexByte(token, '.')+1:]] = true
			}
		}
		for _, name := range []string{"Authorization", "X-Api-Key", "Api-Key", "X-Amz-Security-Token"} {
			for _, value := range r.Header[name] {
				if scheme, token, ok := strings.Cut(value, " "); ok && strings.EqualFold(scheme, "Bearer") {
					value = token
				}
				found[value] = true
			}
		}
	}
	var list []string
	for s := range found {
		list = append(list, s)
	}
	return list
}

// hidden demands that none of the secrets occurs in the text, as it is or encoded.
func (w *world) hidden(where string, text []byte) {
	w.t.Helper()
	for _, s := range w.secrets() {
		for form, encoded := range map[string]string{
			"as it is": s, "as base64": base64.RawStdEncoding.EncodeToString([]byte(s)), "as hex": hex.EncodeToString([]byte(s)),
		} {
			assert.False(w.t, bytes.Contains(text, []byte(encoded)), "%s holds a credential (%.8s…) %s", where, s, form)
		}
	}
}

// hiddenFiles looks through every file of the world's home.
func (w *world) hiddenFiles() {
	w.t.Helper()
	require.NoError(w.t, filepath.WalkDir(w.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		w.hidden(path, data)
		return err
	}))
}

// neverUpstream demands that a local key has not left the machine.
func (w *world) neverUpstream(key string) {
	w.t.Helper()
	require.NotEmpty(w.t, key)
	for _, r := range w.sb.Requests() {
		assert.NotContains(w.t, string(r.Head), key, "%s got the client's key", r.Endpoint)
		assert.NotContains(w.t, string(r.Body), key, "%s got the client's key", r.Endpoint)
	}
}

//go:build linux

package chaos

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A search that finds nothing proves something only if it can find.
func TestTheSearchFindsEveryForm(t *testing.T) {
	t.Parallel()
	c := newCanary("test", "sk-ant-oat01-")
	for form, text := range map[string]string{
		"whole": "x" + c.value + "y", "12 characters": c.value[30:42], "hex": hex.EncodeToString([]byte(c.value)),
		"base64": base64.StdEncoding.EncodeToString([]byte(c.value)), "base64 after one": base64.StdEncoding.EncodeToString([]byte("a" + c.value)),
		"base64 after two": base64.RawURLEncoding.EncodeToString([]byte("ab" + c.value)), "URL": url.QueryEscape(c.value),
	} {
		assert.NotEmpty(t, c.in(text), form)
	}
	assert.Empty(t, c.in("sk-ant-oat01-"+newCanary("other", "").value), "another's")
	assert.Empty(t, c.in(c.value[13:24]), "11 characters")
	assert.False(t, clean("a\n::set-env"))
	assert.False(t, clean("a\x1b[2J"))
	assert.False(t, clean("a\u202eb"))
	assert.True(t, clean("awf-cred: a: b\nhint: c\n"))
}

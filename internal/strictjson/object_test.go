package strictjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/strictjson"
)

func TestObject(t *testing.T) {
	t.Parallel()
	m, err := strictjson.Object([]byte(" {\"a\":\"x\",\"n\":1.5e3,\"o\":{\"b\":true},\"l\":[1,{}],\"z\":null}\r\n"))
	require.NoError(t, err)
	s, ok := m.String("a")
	assert.True(t, ok)
	assert.Equal(t, "x", s)
	assert.Equal(t, json.Number("1.5e3"), m["n"])
	assert.Equal(t, true, m.Object("o")["b"])
	assert.Nil(t, m.Object("a")["b"], "an object that is not there can be read")
	for key, kind := range map[string]string{
		"a": "a string", "n": "a number", "o": "an object", "l": "an array", "z": "null", "q": "absent",
	} {
		assert.Equal(t, kind, m.Kind(key))
	}
	assert.Equal(t, "a boolean", m.Object("o").Kind("b"))
}

func TestObjectRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", "is empty"},
		{"blanks", " \n", "is empty"},
		{"HTML", "<html>", "is not JSON"},
		{"an array", "[]", "is not a JSON object"},
		{"null", "null", "is not a JSON object"},
		{"a string", `"x"`, "is not a JSON object"},
		{"a byte order mark", "\ufeff{}", "is not JSON"},
		{"NUL", "{\"a\":\"\x00\"}", "is not JSON"},
		{"NUL after the object", "{}\x00", "has something after"},
		{"two objects", "{}{}", "has something after"},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", "is not UTF-8"},
		{"the same key twice", `{"access_token":"a","access_token":"b"}`, "has a key twice"},
		{"the same key twice by an escape", `{"a":1,"\u0061":2}`, "has a key twice"},
		{"the same key twice inside", `{"o":{"a":1,"a":2}}`, "has a key twice"},
		{"a cut object", `{"a":"x"`, "is not JSON"},
		{"a cut string", `{"a":"x`, "is not JSON"},
		{"a key that is no string", `{1:2}`, "is not JSON"},
		{"a wrong end", `{"a":[1}`, "is not JSON"},
		{"deep objects", strings.Repeat(`{"a":`, 100_000), "nests more than 32 deep"},
		{"deep arrays", `{"a":` + strings.Repeat("[", 100_000), "nests more than 32 deep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, err := strictjson.Object([]byte(c.in))
			assert.Nil(t, m)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// FuzzObject: what we accept, encoding/json accepts and reads as the same value,
// and it still says the same after it was written and read again.
func FuzzObject(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"a":1,"b":[true,null,{"c":"\u2028"}]}`, `{"a":1,"a":2}`, `[1]`, "{\"a\":\"\xff\"}", `{"a":1e400}`, `{"a":}`, `{"a" 1}`, `{,}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := strictjson.Object(data)
		if err != nil {
			require.Less(t, len(err.Error()), 64)
			return
		}
		require.True(t, json.Valid(data))
		out, err := json.Marshal(m)
		require.NoError(t, err)
		again, err := strictjson.Object(out)
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}

package serve

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzAppendText: whatever bytes come in, one JSON string of printable ASCII comes
// out, and it means the same.
func FuzzAppendText(f *testing.F) {
	for _, seed := range []string{"", "/v1/messages", "a\"b\\c", "\x1b[31m", "\u2028\u202e", "é😀", "\xff\xfe", "\x7f\x00\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := appendText(nil, []byte(s))
		for _, c := range out {
			require.True(t, c >= ' ' && c < 0x7f, "%q", out)
		}
		var back string
		require.NoError(t, json.Unmarshal(out, &back))
		if utf8.ValidString(s) {
			assert.Equal(t, s, back)
		} else {
			assert.Equal(t, strings.ToValidUTF8(back, ""), back)
		}
		data, err := json.Marshal(s)
		require.NoError(t, err)
		var same string
		require.NoError(t, json.Unmarshal(plainASCII(data), &same))
		assert.Equal(t, strings.ToValidUTF8(same, ""), same)
	})
}

func TestEscapedLabels(t *testing.T) {
	t.Parallel()
	var e exposition
	e.sample("m", 1.5, "a", "x\"y\\z\n", "b", "")
	assert.Equal(t, "m{a=\"x\\\"y\\\\z\\n\",b=\"\"} 1.5\n", e.b.String())
}

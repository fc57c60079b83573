package scrub_test

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/scrub"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

const (
	jwt   = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyZXBvOm8vciJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
	run20 = "abcdefghij0123456789"
)

func TestText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"plain text stays", "rule not found (fdrl_1)", "rule not found (fdrl_1)"},
		{"letters of other scripts stay", "Zugriff verweigert: für 東京", "Zugriff verweigert: für 東京"},
		{"blanks around are dropped", "  a  ", "a"},
		{"line ends are escaped", "a\r\nb\tc", `a\r\nb\tc`},
		{"an ANSI sequence is escaped", "\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"an OSC 8 link is escaped", "\x1b]8;;http://evil.test\x07x", `\x1b]8;;http://evil.test\ax`},
		{"C1 controls are escaped", "a\u009bb", `a\u009bb`},
		{"bidirectional controls are escaped", "a\u202eb\u2066c\u200fd", `a\u202eb\u2066c\u200fd`},
		{"line and paragraph separators are escaped", "a\u2028b\u2029c\u0085d", `a\u2028b\u2029c\u0085d`},
		{"a no-break space is escaped", "a\u00a0b", `a\u00a0b`},
		{"zero-width characters and marks are escaped", "a\u200b\ufeffe\u0301", `a\u200b\ufeffe\u0301`},
		{"NUL and invalid UTF-8 are escaped", "a\x00b\xffc", `a\x00b\xffc`},
		{"no line begins with a workflow command", "::set-env name=X::v", `\x3a:set-env name=X::v`},
		{"neither after blanks and line ends", "\n ::add-mask::v", `\n ::add-mask::v`},
		{"the older command form is broken too", "x ##[add-mask]v", `x #\x23[add-mask]v`},
		{"a JWT is hidden", "bad token " + jwt + ", sorry", "bad token (redacted), sorry"},
		{"a JWT without a signature is hidden", "eyJhbGciOiJub25lIn0.eyJhIjoxfQ. end", "(redacted) end"},
		{"an Anthropic token is hidden", "sk-ant-oat01-Ab_c-d!", "(redacted)!"},
		{"an OpenAI key is hidden", "key sk-proj-" + run20, "key (redacted)"},
		{"a short word that begins with sk- stays", "sk-learn", "sk-learn"},
		{"a Google token is hidden", "ya29.a0Af_x-y.z", "(redacted)"},
		{"AWS key ids are hidden", "ASIAABCDEFGHIJKLMNOP and AKIA0123456789ABCDEF", "(redacted) and (redacted)"},
		{"a Bedrock key is hidden", "bedrock-api-key-YmVk+/==", "(redacted)"},
		{"a bearer header is hidden", "Authorization: bEaReR  opaque-value next", "Authorization: (redacted) next"},
		{"bearer said twice hides the value", "Bearer Bearer opaque", "(redacted)"},
		{"bearer with a tab hides the value", "Bearer\topaque x", "(redacted) x"},
		{"GitHub tokens are hidden", "ghs_" + run20 + " ghp_" + run20, "(redacted) (redacted)"},
		{"a token that only appears once escaped is hidden", "sk-ant\x2d\x61", "(redacted)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := scrub.Text(c.in)
			assert.Equal(t, c.want, got)
			assert.Equal(t, got, scrub.Text(got), "idempotent")
		})
	}
}

func TestTextIsBounded(t *testing.T) {
	t.Parallel()
	got := scrub.Text(strings.Repeat("ä ", 1<<20))
	assert.Equal(t, scrub.MaxText, utf8.RuneCountInString(got))
	assert.True(t, strings.HasSuffix(got, "ä…"))
	assert.Equal(t, strings.Repeat("a", scrub.MaxText), scrub.Text(strings.Repeat("a", scrub.MaxText)))

	long := "x " + jwt + strings.Repeat("A", 1<<20)
	assert.Equal(t, "x …", scrub.Text(long), "a word that the bound cuts is not shown")
	assert.Equal(t, "…", scrub.Text(strings.Repeat("A", 1<<20)))
}

func TestTextHidesKnownSecrets(t *testing.T) {
	t.Parallel()
	value := "Q7x/opaque+value_0123456789zz"
	s := secret.New(value)
	for _, c := range []struct{ name, in string }{
		{"as it is", value},
		{"its first half", value[:14]},
		{"its last twelve bytes", value[len(value)-12:]},
		{"in base64", base64.StdEncoding.EncodeToString([]byte(value))},
		{"in base64 at another alignment", base64.StdEncoding.EncodeToString([]byte("x:" + value))},
		{"in base64url", base64.RawURLEncoding.EncodeToString([]byte("x" + value))},
		{"in hex", hex.EncodeToString([]byte(value))},
		{"in upper-case hex", strings.ToUpper(hex.EncodeToString([]byte(value)))},
		{"between controls", "\x1b" + value + "\x00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.NotContains(t, scrub.Text(c.in), scrub.Placeholder)
			got := scrub.Text("said: "+c.in+".", s)
			assert.Contains(t, got, scrub.Placeholder)
			for i := 0; i+12 <= len(value); i++ {
				assert.NotContains(t, got, value[i:i+12])
			}
		})
	}
	assert.Equal(t, "a (redacted) b", scrub.Text("a s3cret b", secret.New("s3cret")), "a short one, whole")
}

func TestWord(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "req_011CXY-z:1/2", scrub.Word(" req_011CXY-z:1/2\n", 64))
	assert.Equal(t, "a?x1b?31mb?c", scrub.Word("a\x1b[31mb c", 64))
	assert.Equal(t, "(redacted)", scrub.Word(jwt, 64))
	assert.Equal(t, "abc…", scrub.Word("abcdef", 4))
}

func TestCheckToken(t *testing.T) {
	t.Parallel()
	for _, ok := range []string{"a", "sk-ant-oat01-x_y", "ya29.A~b+c/d==", strings.Repeat("a", scrub.MaxToken)} {
		assert.NoError(t, scrub.CheckToken(ok))
	}
	for _, bad := range []string{
		"", " a", "a ", "a\n", "a\r\nb", "a\x00", `a"b`, "a'b", "$(id)", "`id`", "a%0Ab", "a\x1b[m", "ä", "a\xff",
		"a,b", "a:b", strings.Repeat("a", scrub.MaxToken+1),
	} {
		err := scrub.CheckToken(bad)
		require.Error(t, err, "%q", bad)
		if len(bad) > 3 {
			assert.NotContains(t, err.Error(), bad)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{
		"", "::set-env::x", jwt, "Bearer " + jwt, "a\u2028b\x1b[0m", "sk-ant-\x00x", "##[x]##[", "eyJ.eyJ.eyJ.x",
		`\x1babcdefghijkl`, "bearer bearer  x", "\xff\xfe", strings.Repeat("ä", 600),
	} {
		f.Add(s, "0123456789abcdefghij", uint16(3))
	}
	f.Fuzz(func(t *testing.T, s, rawSecret string, at uint16) {
		value := tokenCharacters(rawSecret)
		in := s
		if len(value) >= 12 && !strings.Contains(value, "redacted") {
			i := int(at) % (len(s) + 1)
			in = s[:i] + value + s[i:]
		} else {
			value = ""
		}
		got := scrub.Text(in, secret.New(value))
		require.True(t, utf8.ValidString(got))
		require.LessOrEqual(t, utf8.RuneCountInString(got), scrub.MaxText)
		require.False(t, strings.HasPrefix(got, "::"))
		require.NotContains(t, got, "##[")
		for _, r := range got {
			require.True(t, unicode.IsPrint(r), "%q in %q", r, got)
		}
		for i := 0; i+12 <= len(value); i++ {
			require.NotContains(t, got, value[i:i+12])
		}
		require.Equal(t, got, scrub.Text(got, secret.New(value)), "idempotent")
		word := scrub.Word(in, 64, secret.New(value))
		require.LessOrEqual(t, utf8.RuneCountInString(word), 64)
		if scrub.CheckToken(in) == nil {
			require.True(t, in == tokenCharacters(in))
		}
	})
}

// tokenCharacters keeps what a bearer token may consist of.
func tokenCharacters(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._~+/=-", r)) {
			return r
		}
		return -1
	}, s)
}

package proxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// parameters splits a query as the strictest and as the oldest server do.
func parameters(query string) []string {
	return strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' })
}

// looksSecret decodes a parameter's name on its own way and looks it up.
func looksSecret(parameter string) bool {
	name, _, _ := strings.Cut(parameter, "=")
	name = fold(decode(name))
	return secretParameters[name] || strings.HasPrefix(name, "x-amz-")
}

// Whatever the query: no secret parameter is left, every other one is there once
// and in its place, and stripping twice changes nothing.
func FuzzStripQuery(f *testing.F) {
	for _, s := range []string{"/?key=1", "/a?b=1;KEY=2&c", "/?&&;;key&=", "/?k%65y=%&x-amz-%=1", "/a?%6bey", "/?token=1&token=2;a", "/??key=1?key=2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		out, found := stripQuery([]byte("prefix"), []byte(target))
		got, ok := strings.CutPrefix(string(out), "prefix")
		require.True(t, ok)
		path, query, _ := strings.Cut(target, "?")
		var want []string
		secrets := 0
		for _, p := range parameters(query) {
			if looksSecret(p) {
				secrets++
				continue
			}
			want = append(want, p)
		}
		require.Equal(t, secrets > 0, found)
		if !found {
			require.Empty(t, got)
			return
		}
		gotPath, gotQuery, _ := strings.Cut(got, "?")
		assert.Equal(t, path, gotPath)
		assert.Equal(t, strings.Join(want, "&"), strings.Join(parameters(gotQuery), "&"))
		_, again := stripQuery(nil, []byte(got))
		assert.False(t, again)
	})
}

// The client's beta values arrive once each and in their order, ours once, and no
// value becomes a line of its own.
func FuzzBeta(f *testing.F) {
	f.Add("a,b", "c")
	f.Add("oauth-2025-04-20,a", ",, ,a")
	f.Add("", "\t")
	f.Fuzz(func(t *testing.T, first, second string) {
		if strings.ContainsAny(first+second, "\r\n\x00") {
			t.Skip("relay refuses it")
		}
		h := &relay.Head{Fields: []relay.Field{{Name: []byte("anthropic-beta"), Value: []byte(first)}, {Name: []byte("Anthropic_Beta"), Value: []byte(second)}}}
		require.NoError(t, Anthropic("")(h, exchange.Credential{Kind: exchange.Bearer, Token: secret.New("token")}))
		var want []string
		seen := map[string]bool{}
		for _, item := range append(strings.Split(first+","+second, ","), oauthBeta) {
			if item = strings.Trim(item, " \t"); item != "" && !seen[item] {
				seen[item] = true
				want = append(want, item)
			}
		}
		assert.Equal(t, "anthropic-version: 2023-06-01\r\nanthropic-beta: "+strings.Join(want, ",")+"\r\nAuthorization: Bearer token\r\n", string(h.Add))
		assert.True(t, h.Fields[0].Drop && h.Fields[1].Drop)
	})
}

// A key in the path is taken off where it is, and nowhere else.
func FuzzKeyInPath(f *testing.F) {
	const text = "fuzz.client-key_0123"
	k, err := NewKey(secret.New(text))
	require.NoError(f, err)
	for _, s := range []string{"/" + text, "/" + text + "/v1", "/" + text + "?a", "//" + text, "/v1/" + text, "/", "/" + text + text, "/" + text[:16] + "/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if !strings.HasPrefix(target, "/") {
			t.Skip("relay refuses it")
		}
		rest, ok := k.inPath([]byte(target))
		path, query, hasQuery := strings.Cut(target, "?")
		tail, want := strings.CutPrefix(path, "/"+text)
		want = want && (tail == "" || tail[0] == '/')
		require.Equal(t, want, ok)
		if !ok {
			require.Equal(t, target, string(rest))
			return
		}
		if tail == "" {
			tail = "/"
		}
		if hasQuery {
			tail += "?" + query
		}
		assert.Equal(t, tail, string(rest))
	})
}

// A JSON string is one line of ASCII whatever is in it.
func FuzzAppendString(f *testing.F) {
	f.Add("a\"\\\n\x7f\u2028\u202e\xff😀")
	f.Fuzz(func(t *testing.T, s string) {
		out := appendString(nil, s)
		for _, c := range out {
			require.True(t, c >= ' ' && c < 0x7f)
		}
		require.JSONEq(t, string(out), string(appendString(nil, []byte(s))))
	})
}

package output_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

func TestShapes(t *testing.T) {
	t.Parallel()
	rows := map[string]func() ([]byte, error){
		"mint": func() ([]byte, error) {
			return output.MintJSON(secret.New("aaa.bbb.ccc"), []byte(`{"sub":"repo:o/r:ref:refs/heads/<x>","n":1.5}`), expires, issued)
		},
		"mint of a token without expiry": func() ([]byte, error) {
			return output.MintJSON(secret.New("aaa.bbb.ccc"), []byte(`{}`), time.Time{}, issued)
		},
		"status": func() ([]byte, error) {
			return output.StatusJSON([]output.Entry{
				{Profile: "review", Provider: "anthropic", Store: "file", Key: "0123456789ab", Identity: "ba9876543210", IssuedAt: issued, ExpiresAt: expires, Fresh: true, RequestID: "req_1"},
				{Provider: "aws", Store: "file", Key: "1123456789ab", IssuedAt: issued, ExpiresAt: issued.Add(time.Second)},
			}, issued.Add(10*time.Second))
		},
		"status of nothing": func() ([]byte, error) { return output.StatusJSON(nil, issued) },
		"settings": func() ([]byte, error) {
			return output.SettingsJSON([]output.Setting{{"provider", "anthropic", "env AWF_AUTH_PROVIDER"}, {"token_url", "https://x/?a=1&b=2", "file /c.yaml:7"}})
		},
		"no settings": func() ([]byte, error) { return output.SettingsJSON(nil) },
		"version": func() ([]byte, error) {
			return output.JSON(output.Version{"1.2.3", "abc", "2026-01-02T03:04:05Z", "go1.26.0", "linux", "amd64"})
		},
		"a failure": func() ([]byte, error) {
			return output.FailureJSON(output.Failure{Class: "refused", Code: 4, Message: "anthropic exchange: HTTP 401", Hint: "a\nb", Provider: "anthropic", Status: 401, OAuthError: "invalid_grant", RequestID: "req_1"})
		},
		"a bare failure": func() ([]byte, error) {
			return output.FailureJSON(output.Failure{Class: "usage", Code: 2, Message: "no"})
		},
	}
	for name, render := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := render()
			require.NoError(t, err)
			golden(t, got)
		})
	}
}

func TestJSONEscapesWhatSteersATerminal(t *testing.T) {
	t.Parallel()
	text := "esc\x1b lf\n del\x7f c1\u009b ls\u2028 rlo\u202e iso\u2066 bom\ufeff é 😀 <&>"
	got, err := output.JSON(map[string]string{"k": text})
	require.NoError(t, err)
	for _, r := range "\x1b\x7f\u009b\u2028\u202e\u2066\ufeff" {
		assert.NotContains(t, string(got), string(r))
	}
	assert.Contains(t, string(got), "é 😀 <&>", "ordinary text stays as it is")
	var back map[string]string
	require.NoError(t, json.Unmarshal(got, &back))
	assert.Equal(t, text, back["k"])
}

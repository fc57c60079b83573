//go:build unix

package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// Google's library names the audience; a provider that lists others is told by the
// flag, or by the settings of Google Cloud, and by no other provider's.
func TestTheAudienceForGooglesLibraries(t *testing.T) {
	t.Parallel()
	sb, err := sandbox.Run(t.Context(), sandbox.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = sb.Close() })
	const named = "https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x"
	for _, row := range []struct {
		name string
		args []string
		env  []string
		want string
	}{
		{"the library's, as a URL", nil, nil, named},
		{"the flag's", []string{"--oidc-audience", "https://own.test"}, nil, "https://own.test"},
		{"that of the settings of Google Cloud", nil, []string{"AWF_AUTH_PROVIDER=gcp", "AWF_AUTH_OIDC_AUDIENCE=https://own.test"}, "https://own.test"},
		{"not that of another provider", nil, []string{"AWF_AUTH_PROVIDER=anthropic", "AWF_AUTH_OIDC_AUDIENCE=https://own.test"}, named},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			cmd := program(t, sb, append([]string{"token", "--format", "gcp-executable"}, row.args...)...)
			cmd.Env = append(append(cmd.Env, "GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE="+strings.TrimPrefix(named, "https:")), row.env...)
			out, err := cmd.Output()
			require.NoError(t, err)
			var answer struct {
				Success bool   `json:"success"`
				IDToken string `json:"id_token"`
			}
			require.NoError(t, json.Unmarshal(out, &answer))
			require.True(t, answer.Success, "%s", out)
			claims, err := base64.RawURLEncoding.DecodeString(strings.Split(answer.IDToken, ".")[1])
			require.NoError(t, err)
			var c struct {
				Aud string `json:"aud"`
			}
			require.NoError(t, json.Unmarshal(claims, &c))
			assert.Equal(t, row.want, c.Aud)
		})
	}
}

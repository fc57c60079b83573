package output_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

func awsKeys() exchange.Credential {
	return exchange.Credential{Provider: "aws", Kind: exchange.AWS, AWS: &exchange.AWSKeys{
		AccessKeyID: secret.New("ASIASANDBOX"), SecretAccessKey: secret.New("secret/sandbox+"), SessionToken: secret.New("session=="),
	}}
}

func TestAnthropicFile(t *testing.T) {
	t.Parallel()
	c := exchange.Credential{Provider: "anthropic", Kind: exchange.Bearer, Token: secret.New("sk-ant-oat01-sandbox"),
		ExpiresAt: time.Unix(1767323045, 0), Scope: "workspace:developer"}
	got, err := output.AnthropicFile(c, "0b5a2f6e-3c1d-4e8f-9a7b-5d6c4e3f2a1b", "wrkspc_01")
	require.NoError(t, err)
	assert.JSONEq(t, `{"version":"1.0","type":"oauth_token","access_token":"sk-ant-oat01-sandbox","expires_at":1767323045,
		"scope":"workspace:developer","organization_uuid":"0b5a2f6e-3c1d-4e8f-9a7b-5d6c4e3f2a1b","workspace_id":"wrkspc_01"}`, string(got))
	got, err = output.AnthropicFile(c, "", "default")
	require.NoError(t, err)
	assert.NotContains(t, string(got), "workspace_id")
	_, err = output.AnthropicFile(awsKeys(), "", "")
	require.ErrorIs(t, err, exchange.Usage)
}

func TestAWSFile(t *testing.T) {
	t.Parallel()
	windows := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	const ours = "[review]\naws_access_key_id = ASIASANDBOX\naws_secret_access_key = secret/sandbox+\naws_session_token = session==\n"
	for _, row := range []struct{ name, file, want, without string }{
		{"a new file", "", ours, ""},
		{"other profiles stay", "[default]\nregion = eu-central-1\n", "[default]\nregion = eu-central-1\n\n" + ours, "[default]\nregion = eu-central-1\n"},
		{"a file without an end of its last line", "[a]\nx=1", "[a]\nx=1\n\n" + ours, "[a]\nx=1"},
		{"our section is replaced where it is", "[a]\nx=1\n\n[review]\nold = 1\n# note\n\n[b]\ny=2\n", "[a]\nx=1\n\n" + ours + "\n# note\n\n[b]\ny=2\n", "[a]\nx=1\n\n# note\n\n[b]\ny=2\n"},
		{"a comment of ours goes, that of the next section stays", "[review]\n# old\nold = 1\n\n; of b\n[b]\ny=2\n", ours + "\n; of b\n[b]\ny=2\n", "; of b\n[b]\ny=2\n"},
		{"blanks and comments of a head", "[ review ] # mine\nold=1\n", ours, ""},
		{"a section that is there twice", "[review]\na=1\n[b]\ny=2\n[review]\nc=3\n", ours + "\n[b]\ny=2\n", "[b]\ny=2\n"},
		{"a name that only begins alike", "[review2]\na=1\n", "[review2]\na=1\n\n" + ours, "[review2]\na=1\n"},
		{"carriage returns", "[a]\r\nx=1\r\n[review]\r\nold=1\r\n[b]\r\ny=2\r\n", "[a]\r\nx=1\r\n" + windows(ours) + "\r\n[b]\r\ny=2\r\n", "[a]\r\nx=1\r\n[b]\r\ny=2\r\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, err := output.AWSFile([]byte(row.file), "review", awsKeys())
			require.NoError(t, err)
			assert.Equal(t, row.want, string(got))
			again, err := output.AWSFile(got, "review", awsKeys())
			require.NoError(t, err)
			assert.Equal(t, 1, strings.Count(string(again), "[review]"))
			assert.Equal(t, row.without, string(output.AWSFileWithout([]byte(row.file), "review")))
		})
	}
	for _, file := range []string{"", "[a]\nx=1\n", "# top\n\n[a]\nx=1\n\n[b]\ny=2\n", "[a]\r\nx=1\r\n"} {
		got, err := output.AWSFile([]byte(file), "review", awsKeys())
		require.NoError(t, err)
		assert.Equal(t, file, string(output.AWSFileWithout(got, "review")), "added and taken away again, nothing is left of it")
	}
	bad := awsKeys()
	bad.AWS.SessionToken = secret.New("x\n[default]\n")
	_, err := output.AWSFile(nil, "review", bad)
	require.ErrorIs(t, err, exchange.Usage)
}

func FuzzAWSFile(f *testing.F) {
	for _, seed := range []string{"", "[a]\nx=1\n", "[review]\n[review", "a\r\n]\n[ review ]\n\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		got, err := output.AWSFile([]byte(file), "review", awsKeys())
		require.NoError(t, err)
		again, err := output.AWSFile(got, "review", awsKeys())
		require.NoError(t, err)
		third, err := output.AWSFile(again, "review", awsKeys())
		require.NoError(t, err)
		assert.Equal(t, string(again), string(third), "writing again changes nothing")
		assert.NotContains(t, string(output.AWSFileWithout(got, "review")), "ASIASANDBOX")
	})
}

func TestGCPFile(t *testing.T) {
	t.Parallel()
	const resource = "projects/1/locations/global/workloadIdentityPools/p/providers/x"
	for _, form := range []string{resource, "//iam.googleapis.com/" + resource, "https://iam.googleapis.com/" + resource} {
		got, err := output.GCPFile(output.GCPAccount{Provider: form, ServiceAccount: "a@b.iam.gserviceaccount.com", Lifetime: 3600,
			Command: []string{"/usr/bin/awf-cred", "token", "--format", "gcp-executable"}})
		require.NoError(t, err)
		assert.JSONEq(t, `{"type":"external_account","audience":"//iam.googleapis.com/`+resource+`",
			"subject_token_type":"urn:ietf:params:oauth:token-type:jwt","token_url":"https://sts.googleapis.com/v1/token",
			"universe_domain":"googleapis.com",
			"service_account_impersonation_url":"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b.iam.gserviceaccount.com:generateAccessToken",
			"service_account_impersonation":{"token_lifetime_seconds":3600},
			"credential_source":{"executable":{"command":"/usr/bin/awf-cred token --format gcp-executable","timeout_millis":30000}}}`, string(got))
	}
	_, err := output.GCPFile(output.GCPAccount{Provider: resource, Command: []string{"/Program Files/awf-cred"}})
	require.ErrorIs(t, err, exchange.Usage)
}

//go:build unix

package clients

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// toGoogle is what points a client at the stand-ins of Google Cloud. The library
// asks for the project where nothing names it.
func toGoogle(w *world) environment {
	project := w.sb.Pool().Project
	return environment{
		"VERTEX": w.sb.URL(sandbox.HostVertex), "ANTHROPIC_VERTEX_BASE_URL": w.sb.URL(sandbox.HostVertex) + "/v1",
		"ANTHROPIC_VERTEX_PROJECT_ID": project, "GOOGLE_CLOUD_PROJECT": project, "CLOUD_ML_REGION": "global",
	}
}

// executableFile is a credentials file of Google's libraries that runs us.
func executableFile(w *world) string {
	pool := w.sb.Pool()
	file, err := json.Marshal(map[string]any{
		"type": "external_account", "audience": "//iam.googleapis.com/" + pool.Provider,
		"subject_token_type":                "urn:ietf:params:oauth:token-type:jwt",
		"token_url":                         w.sb.URL(sandbox.HostGCP) + "/v1/token",
		"service_account_impersonation_url": w.sb.URL(sandbox.HostIAM) + "/v1/projects/-/serviceAccounts/" + pool.ServiceAccount + ":generateAccessToken",
		"credential_source": map[string]any{"executable": map[string]any{
			"command": binary + " token --format gcp-executable", "timeout_millis": 30000,
		}},
	})
	require.NoError(w.t, err)
	return w.file("google.json", string(file))
}

func TestGoogleClientsExchangeOurIdentityToken(t *testing.T) {
	t.Parallel()
	clients := []client{
		{name: "google-auth-library", talker: sdkTalk, command: script("google", "google.mjs")},
		{name: "Anthropic's Vertex SDK", talker: sdkTalk, command: script("vertex", "vertex.mjs")},
		{name: "Claude Code", talker: claudeTalk, command: claudeCode, env: environment{"CLAUDE_CODE_USE_VERTEX": "1"}},
		{name: "gcloud", talker: shellTalk, command: gcloud, says: []string{"hello"}},
	}
	files := func(w *world, path string) environment {
		return w.step.with(toGoogle(w)).with(environment{
			"GOOGLE_APPLICATION_CREDENTIALS": path, "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": path,
			"GITHUB_ACTIONS": "true", // a mask on standard error would spoil the answer
			"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": "1", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": w.sb.CAFile(),
		})
	}
	direct(t, (*sandbox.Sandbox).GCPEnv, "gcp", theirOwn, []form{
		{"executable", func(w *world) environment { return files(w, executableFile(w)) }, clients},
		{"the file that serve writes", func(w *world) environment {
			path := filepath.Join(w.home, "written.json")
			w.keep("gcp-credentials", path)
			return files(w, path)
		}, clients},
	})
}

// gcloud prints a token, with which the shell then calls the API.
func gcloud(t *testing.T) ([]string, string) {
	want(t, "all")
	path := program(t, "gcloud")
	curl := program(t, "curl")
	return loop(`token=$(gcloud auth print-access-token) && ` + curl +
		` -sS --fail-with-body --cacert "$NODE_EXTRA_CA_CERTS" -H "Authorization: Bearer $token" -H 'Content-Type: application/json'` +
		` -d '{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}'` +
		` "$VERTEX/v1/projects/$GOOGLE_CLOUD_PROJECT/locations/global/publishers/google/models/gemini-3:generateContent"` +
		` | sed 's/.*"text":"\([^"]*\)".*/\1/'`), filepath.Dir(path)
}

func TestGcloudTakesTheTokenOfEnv(t *testing.T) {
	t.Parallel()
	want(t, "all")
	program(t, "gcloud")
	w := newWorld(t, (*sandbox.Sandbox).GCPEnv)
	token := w.product("token").ok(t)
	assert.Equal(t, token, w.run(w.variables(w.plain, "--for", "gcloud"), "gcloud", "auth", "print-access-token").ok(t))
}

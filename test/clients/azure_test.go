//go:build unix

package clients

import (
	"path/filepath"
	"testing"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

func TestAzureClients(t *testing.T) {
	t.Parallel()
	openai := client{name: "OpenAI's Azure client", talker: sdkTalk, command: script("openai", "azure-openai.mjs")}
	identity := client{name: "@azure/identity", talker: sdkTalk, command: script("azure", "azure-identity.mjs")}
	to := func(w *world) environment {
		return environment{"AZURE_OPENAI_ENDPOINT": w.sb.URL(sandbox.HostFoundry), "OPENAI_API_VERSION": "2024-10-21"}
	}
	direct(t, (*sandbox.Sandbox).AzureEnv, "azure", 1, []form{
		{"variables of env", func(w *world) environment { return w.variables(w.plain).with(to(w)) }, []client{openai}},
	})
	// The library makes the exchange itself, in each of its two processes.
	direct(t, (*sandbox.Sandbox).AzureEnv, "azure", 2, []form{
		{"identity token that serve keeps fresh", func(w *world) environment {
			path := filepath.Join(w.home, "identity.jwt")
			w.keep("identity-token", path)
			app := w.sb.App()
			return w.plain.with(to(w)).with(environment{
				"AZURE_TENANT_ID": app.TenantID, "AZURE_CLIENT_ID": app.ClientID,
				"AZURE_FEDERATED_TOKEN_FILE": path, "AZURE_AUTHORITY_HOST": w.sb.URL(sandbox.HostAzure),
			})
		}, []client{identity}},
	})
}

func TestOpenAIClientsUseTheVariablesOfEnv(t *testing.T) {
	t.Parallel()
	direct(t, (*sandbox.Sandbox).OpenAIEnv, "openai", 1, []form{
		{"variables of env", func(w *world) environment {
			return w.variables(w.plain).with(environment{"OPENAI_BASE_URL": w.sb.URL(sandbox.HostOpenAI) + "/v1", "SSL_CERT_FILE": w.sb.CAFile()})
		}, []client{
			{name: "OpenAI's SDK", talker: sdkTalk, command: script("openai", "openai.mjs")},
			{name: "Codex", talker: shellTalk, command: codex, says: []string{"hello"}},
		}},
	})
}

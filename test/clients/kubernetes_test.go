//go:build unix

package clients

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// TestKubernetesClientsRunUsAsTheirPlugin: two processes of a client, each version
// of the protocol, one exchange.
func TestKubernetesClientsRunUsAsTheirPlugin(t *testing.T) {
	t.Parallel()
	clients := []client{
		{name: "@kubernetes/client-node", talker: sdkTalk, command: script("kubernetes", "kubernetes.mjs")},
		{name: "kubectl", talker: shellTalk, command: kubectl},
	}
	for _, version := range []string{"v1", "v1beta1"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			each(t, clients, func(t *testing.T, c client) {
				argv, path := c.command(t)
				w := newWorld(t, (*sandbox.Sandbox).GCPEnv)
				token := w.product("token").ok(t)
				config := w.file("kubeconfig", kubeconfig(w, cluster(t, w, token), version))
				for range 2 {
					talk := conversation{t, w.start(w.step.prepend(path).with(environment{"KUBECONFIG": config}), argv...), c.talker}
					assert.Equal(t, hello, talk.say("pods"))
					talk.end()
				}
				assert.Equal(t, 1, w.sb.Counts().Accepted, "exchanges")
			})
		})
	}
}

// kubectl lists the names of pods, in a loop.
func kubectl(t *testing.T) ([]string, string) {
	want(t, "all")
	path := program(t, "kubectl")
	return loop(`kubectl get pods -o custom-columns=NAME:.metadata.name --no-headers`), filepath.Dir(path)
}

// kubeconfig is the configuration of a client whose user is a plugin; JSON is YAML.
func kubeconfig(w *world, server, version string) string {
	named := func(kind string, is map[string]any) []map[string]any {
		return []map[string]any{{"name": "it", kind: is}}
	}
	b, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "it",
		"clusters": named("cluster", map[string]any{"server": server, "certificate-authority": w.sb.CAFile()}),
		"contexts": named("context", map[string]any{"cluster": "it", "user": "it"}),
		"users": named("user", map[string]any{"exec": map[string]any{
			"apiVersion": "client.authentication.k8s.io/" + version, "command": binary,
			"args": []string{"token", "--format", "exec-credential"}, "interactiveMode": "Never",
		}}),
	})
	require.NoError(w.t, err)
	return string(b)
}

// cluster is an API server that knows one pod and one bearer token.
func cluster(t *testing.T, w *world, token string) string {
	t.Helper()
	certificate, err := w.sb.IssueCertificate(sandbox.Certificate{})
	require.NoError(t, err)
	answers := map[string]string{
		"/api":    `{"kind":"APIVersions","versions":["v1"]}`,
		"/apis":   `{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`,
		"/api/v1": `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"v1","resources":[{"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["get","list"]}]}`,
		"/api/v1/namespaces/default/pods": `{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[{"kind":"Pod","apiVersion":"v1","metadata":{"name":"` +
			hello + `","namespace":"default"}}]}`,
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		answer, ok := answers[r.URL.Path]
		switch {
		case r.Header.Get("Authorization") != "Bearer "+token:
			rw.WriteHeader(http.StatusUnauthorized)
			answer = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Unauthorized","code":401}`
		case !ok:
			rw.WriteHeader(http.StatusNotFound)
			answer = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`
		}
		_, _ = fmt.Fprint(rw, answer)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

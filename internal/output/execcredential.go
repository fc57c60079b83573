package output

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// execVersions are the API versions of ExecCredential that kubectl and client-go
// speak, the one used without KUBERNETES_EXEC_INFO first (Kubernetes
// documentation, "client-go credential plugins").
var execVersions = []string{
	"client.authentication.k8s.io/v1",
	"client.authentication.k8s.io/v1beta1",
}

// execShape is an ExecCredential as a plugin answers it. Without
// expirationTimestamp the client keeps the token until a 401 or its own end.
type execShape struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Status     execStatus `json:"status"`
}

type execStatus struct {
	ExpirationTimestamp *string `json:"expirationTimestamp,omitempty"` // RFC 3339
	Token               string  `json:"token"`
}

func execCredential(g Grant) ([]byte, error) {
	version, err := execVersion(g.ExecInfo)
	if err != nil {
		return nil, err
	}
	return JSON(execShape{
		APIVersion: version, Kind: "ExecCredential",
		Status: execStatus{ExpirationTimestamp: stamp(g.Credential.ExpiresAt), Token: g.Credential.Token.Reveal()},
	})
}

// CheckExecInfo says what is wrong with a KUBERNETES_EXEC_INFO, before anything
// is spent on its answer.
func CheckExecInfo(info string) error {
	_, err := execVersion(info)
	return err
}

// execVersion is the version that the answer must have: the input's.
func execVersion(info string) (string, error) {
	if strings.TrimSpace(info) == "" {
		return execVersions[0], nil
	}
	var in struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	const step = "format exec-credential: KUBERNETES_EXEC_INFO"
	if err := json.Unmarshal([]byte(info), &in); err != nil {
		return "", refuse(step, "not a JSON object", "it is set by kubectl; unset it to get "+execVersions[0])
	}
	if in.Kind != "ExecCredential" {
		return "", refuse(step, "kind is not ExecCredential", "it is set by kubectl; unset it to get "+execVersions[0])
	}
	if !slices.Contains(execVersions, in.APIVersion) {
		return "", refuse(step, "apiVersion "+strconv.QuoteToASCII(cut(in.APIVersion, 80))+" is not known",
			"set users[].user.exec.apiVersion in the kubeconfig to "+strings.Join(execVersions, " or "))
	}
	return in.APIVersion, nil
}

// cut shortens s to at most n bytes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

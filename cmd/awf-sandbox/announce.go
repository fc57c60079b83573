package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// environments tell which variables point a client at which vendor.
var environments = map[string]func(*sandbox.Sandbox) []string{
	"anthropic": (*sandbox.Sandbox).AnthropicEnv,
	"aws":       (*sandbox.Sandbox).AWSEnv,
	"azure":     (*sandbox.Sandbox).AzureEnv,
	"gcp":       (*sandbox.Sandbox).GCPEnv,
	"openai":    (*sandbox.Sandbox).OpenAIEnv,
}

func providers() []string {
	var names []string
	for name := range environments {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// variables are what to export, NAME=VALUE.
func variables(sb *sandbox.Sandbox, o options) ([]string, error) {
	vars := sb.GitHubEnv()
	if o.provider == "all" {
		for _, name := range providers() {
			for _, v := range environments[name](sb) {
				if !strings.HasPrefix(v, "AWF_AUTH_PROVIDER=") && !strings.HasPrefix(v, "AWF_AUTH_OIDC_AUDIENCE=") && !contains(vars, v) {
					vars = append(vars, v)
				}
			}
		}
	} else if env, ok := environments[o.provider]; ok {
		vars = append(vars, env(sb)...)
	} else {
		return nil, fmt.Errorf("--provider %s: want %s or all", o.provider, strings.Join(providers(), ", "))
	}
	vars = append(vars, "AWF_SANDBOX_ADMIN="+sb.URL(sandbox.HostAdmin), "AWF_SANDBOX_CA_FILE="+sb.CAFile())
	for _, h := range sb.Hosts() {
		vars = append(vars, "AWF_SANDBOX_"+strings.ToUpper(strings.ReplaceAll(string(h), "-", "_"))+"_URL="+sb.URL(h))
	}
	if o.tls {
		vars = append(vars, "AWF_CRED_CA_FILE="+sb.CAFile(), "NODE_EXTRA_CA_CERTS="+sb.CAFile())
	}
	return vars, nil
}

func contains(list []string, v string) bool {
	for _, have := range list {
		if have == v {
			return true
		}
	}
	return false
}

// announce prints the variables and then writes the ready file, whole or not
// at all, so that who waits for it never reads half of it.
func announce(out io.Writer, file string, quote func(name, value string) string, vars []string) error {
	var b strings.Builder
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		b.WriteString(quote(name, value) + "\n")
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return err
	}
	if file == "" {
		return nil
	}
	temp := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".new")
	if err := os.WriteFile(temp, []byte(b.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, file)
}

// dialect is the assignment of a shell.
func dialect(shell string) (func(name, value string) string, error) {
	switch shell {
	case "posix":
		return func(n, v string) string { return "export " + n + "='" + strings.ReplaceAll(v, "'", `'\''`) + "'" }, nil
	case "fish":
		return func(n, v string) string {
			return "set -gx " + n + " '" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(v) + "'"
		}, nil
	case "powershell":
		return func(n, v string) string { return "$Env:" + n + " = '" + strings.ReplaceAll(v, "'", "''") + "'" }, nil
	case "dotenv":
		return func(n, v string) string { return n + "=" + v }, nil
	}
	return nil, fmt.Errorf("--shell %s: want posix, fish, powershell or dotenv", shell)
}

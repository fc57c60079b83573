//go:build unix

package repo

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// document is what the tests look for in a YAML block: a workflow, a
// configuration of awf-cred, or a kubeconfig.
type document struct {
	job      `yaml:",inline"`
	Jobs     map[string]job `yaml:"jobs"`
	Profiles map[string]any `yaml:"profiles"`
	Users    []struct {
		User struct {
			Exec struct {
				APIVersion      string   `yaml:"apiVersion"`
				Command         string   `yaml:"command"`
				Args            []string `yaml:"args"`
				InteractiveMode string   `yaml:"interactiveMode"`
				Env             []struct {
					Name  string `yaml:"name"`
					Value string `yaml:"value"`
				} `yaml:"env"`
			} `yaml:"exec"`
		} `yaml:"user"`
	} `yaml:"users"`
}

type job struct {
	Env   map[string]string `yaml:"env"`
	Steps []struct {
		Uses string            `yaml:"uses"`
		Run  string            `yaml:"run"`
		Env  map[string]string `yaml:"env"`
		With map[string]any    `yaml:"with"`
	} `yaml:"steps"`
}

// playYAML runs the steps of a workflow, validates a configuration, and asks the
// plugins of a kubeconfig.
func (s *step) playYAML(t *testing.T, b block) {
	var d document
	require.NoError(t, yaml.Unmarshal([]byte(b.text), &d), "%s:%d", b.page, b.line)
	s.playJob(t, b, d.job)
	for _, j := range d.Jobs {
		j.Env = merged(d.Env, j.Env)
		s.playJob(t, b, j)
	}
	if d.Profiles != nil {
		path := filepath.Join(s.home, "config.yaml")
		require.NoError(t, os.WriteFile(path, []byte(b.text), 0o600))
		s.capture(t, b, "env -i HOME=\"$HOME\" PATH=\"$PATH\" awf-cred config validate --config "+path)
	}
	for _, u := range d.Users {
		e := u.User.Exec
		require.NotEmpty(t, e.InteractiveMode, "kubectl wants it for v1")
		vars := []string{"KUBERNETES_EXEC_INFO=" + `{"apiVersion":"` + e.APIVersion + `","kind":"ExecCredential","spec":{"interactive":false}}`}
		for _, v := range e.Env {
			if !s.set[v.Name] {
				vars = append(vars, v.Name+"="+v.Value)
			}
		}
		out := s.capture(t, b, quiet(append([]string{e.Command}, e.Args...)...), vars...)
		var answer struct {
			APIVersion string
			Status     struct{ Token string }
		}
		require.NoError(t, json.Unmarshal([]byte(out), &answer), "%s", out)
		assert.Equal(t, e.APIVersion, answer.APIVersion)
		assert.NotEmpty(t, answer.Status.Token)
	}
}

func (s *step) playJob(t *testing.T, b block, j job) {
	for _, one := range j.Steps {
		for _, value := range one.With {
			text, _ := value.(string)
			assert.NotContains(t, text, "TODO")
		}
		if one.Run == "" {
			continue
		}
		var vars []string
		for name, value := range merged(j.Env, one.Env) {
			value = strings.ReplaceAll(value, "${{ runner.temp }}", s.home)
			if !s.set[name] && !strings.Contains(value, "${{") {
				vars = append(vars, name+"="+value)
			}
		}
		s.run(t, b, shell(t, strings.ReplaceAll(one.Run, "${{ runner.temp }}", s.home)), vars...)
	}
}

func merged(list ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range list {
		for name, value := range m {
			all[name] = value
		}
	}
	return all
}

// quiet is a command line whose standard error does not mix with its output.
func quiet(words ...string) string {
	for i, w := range words {
		words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.Join(words, " ") + " 2>/dev/null"
}

// playJSON checks the syntax, and runs the apiKeyHelper of settings of Claude Code
// as it does: with sh -c.
func (s *step) playJSON(t *testing.T, b block) {
	var settings struct {
		APIKeyHelper string `json:"apiKeyHelper"`
	}
	require.NoError(t, json.Unmarshal([]byte(b.text), &settings), "%s:%d", b.page, b.line)
	if settings.APIKeyHelper != "" {
		out := s.capture(t, b, "sh -c '"+settings.APIKeyHelper+"' 2>/dev/null")
		assert.NotEmpty(t, strings.TrimSpace(out))
		dir := filepath.Join(s.home, ".claude")
		require.NoError(t, os.MkdirAll(dir, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "settings.json"), []byte(b.text), 0o600))
	}
}

var iniLine = regexp.MustCompile(`^(\[[^\]]+\]|[A-Za-z_][\w.]* *=.*|[#;].*|)$`)

// playINI checks the syntax of the AWS configuration files and units of systemd. A
// credential_process is run; of an ExecStart all flags must be known. A file that
// begins with a comment with its path is put there, for the commands that follow.
func (s *step) playINI(t *testing.T, b block) {
	for line := range strings.SplitSeq(b.text, "\n") {
		require.Regexp(t, iniLine, line, "%s:%d", b.page, b.line)
		name, value, _ := strings.Cut(line, "=")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(name) {
		case "credential_process":
			out := s.capture(t, b, value+" 2>/dev/null")
			assert.Contains(t, out, `"SessionToken":"`)
		case "ExecStart":
			words := strings.Fields(strings.ReplaceAll(value, "%t", "/run"))
			words[0] = filepath.Base(words[0])
			s.capture(t, b, strings.Join(append(words, "--help"), " "))
		}
	}
	if path, ok := strings.CutPrefix(strings.SplitN(b.text, "\n", 2)[0], "# ~/"); ok {
		path = filepath.Join(s.home, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(b.text), 0o600))
	}
}

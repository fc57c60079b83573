//go:build unix

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

const (
	proxyPassword = "pr0xy-Zk3vQ9xT7mLw2RbN5cYd8HfJ"
	clientSecret  = "cmd-9QwErTy7UiOpAsDfGhJkLzXcVb"
)

// canaryCommands are run in every class of failure; allowed is what standard
// output may hold: the one thing that was asked for.
var canaryCommands = []struct {
	args    []string
	allowed string // token, assertion or nothing
}{
	{[]string{"mint"}, "assertion"},
	{[]string{"mint", "--format", "json"}, "assertion"},
	{[]string{"exchange", "--format", "json"}, "token"},
	{[]string{"exchange", "--dry-run"}, ""},
	{[]string{"exchange", "--dry-run", "--format", "json"}, ""},
	{[]string{"token"}, "token"},
	{[]string{"token", "--format", "json", "--force-refresh"}, "token"},
	{[]string{"token", "--format", "header"}, "token"},
	{[]string{"token", "--format", "exec-credential"}, "token"},
	{[]string{"env"}, "token"},
	{[]string{"env", "--for", "claude-code", "--shell", "json"}, "token"},
	{[]string{"env", "--unset"}, ""},
	{[]string{"status"}, ""},
	{[]string{"status", "--format", "json", "--check"}, ""},
	{[]string{"config", "show"}, ""},
	{[]string{"config", "show", "--format", "json"}, ""},
	{[]string{"config", "validate"}, ""},
	{[]string{"version"}, ""},
	{[]string{"token", "--help"}, ""},
	{[]string{"__complete", "token", "--profile", ""}, ""},
	{[]string{"cache", "clear", "--all"}, ""},
}

// world is an outside world that fails in one way, and the secrets in it.
type world struct {
	binary  string
	sb      *sandbox.Sandbox
	env     []string
	secrets map[string]string
}

// canaryClasses are success and the ways to fail, with the status of `token`.
var canaryClasses = map[string]struct {
	status int
	fail   func(*testing.T, *world)
}{
	"success": {0, func(*testing.T, *world) {}},
	"usage":   {2, func(_ *testing.T, w *world) { w.env = append(w.env, "AWF_AUTH_ANTHROPIC_WORKSPACE_ID=nonsense") }},
	"static key": {0, func(_ *testing.T, w *world) {
		w.secrets["C5"] = "sk-ant-api03-Yh5tGb7nJm9kLo2pQw4eRz6x"
		w.env = append(w.env, "AWF_AUTH_TYPE=", "ANTHROPIC_API_KEY="+w.secrets["C5"])
	}},
	"mint refused with an echo": {3, func(_ *testing.T, w *world) {
		w.sb.AddFault(sandbox.Mint, sandbox.Fault{Status: 401, Body: `{"message":"Bearer ` + w.secrets["C1"] + ` is not good"}`}.Always())
	}},
	"exchange refused with an echo": {4, func(t *testing.T, w *world) {
		// Without a jti it may be sent by every command.
		jwt := w.sb.MintToken(sandbox.Token{Audience: "https://api.anthropic.com", Claims: map[string]any{"jti": nil}})
		path := filepath.Join(t.TempDir(), "jwt")
		require.NoError(t, os.WriteFile(path, []byte(jwt), 0o600))
		w.secrets["C2"] = jwt
		w.env = append(w.env, "AWF_AUTH_TYPE=", "AWF_CRED_IDENTITY=file:"+path)
		w.sb.AddFault(sandbox.AnthropicToken, sandbox.Fault{Status: 400,
			Body: `{"error":"invalid_grant","error_description":"` + jwt + ` and ` + jwt[20:60] + ` are not good"}`}.Always())
	}},
	"exchange refused": {4, func(_ *testing.T, w *world) {
		w.env = append(w.env, "AWF_AUTH_ANTHROPIC_SERVICE_ACCOUNT_ID=svac_01SomebodyElse")
	}},
	"unusable success": {4, func(_ *testing.T, w *world) {
		w.secrets["C3"] = "sk-ant-oat01-Wm4nBv6cXz8aQs1dEr3fTg5h"
		w.sb.AddFault(sandbox.AnthropicToken, sandbox.Fault{Status: 200,
			Body: `{"access_token":"` + w.secrets["C3"] + `","token_type":"mac","expires_in":600}`}.Always())
	}},
	"unavailable": {5, func(_ *testing.T, w *world) {
		w.sb.AddFault(sandbox.AnthropicToken, sandbox.Status(503).Always())
		w.env = append(w.env, "AWF_CRED_TIMEOUT=100ms")
	}},
	"proxy that refuses": {5, func(_ *testing.T, w *world) {
		w.env = append(w.env, "AWF_AUTH_ANTHROPIC_TOKEN_URL=https://api.example.invalid/v1/oauth/token",
			"HTTPS_PROXY=http://me:"+proxyPassword+"@127.0.0.1:1", "AWF_CRED_TIMEOUT=100ms")
	}},
	"command source that fails": {3, func(t *testing.T, w *world) {
		path := filepath.Join(t.TempDir(), "config.yaml")
		text := "default_profile: p\nprofiles:\n  p:\n    identity:\n      type: command\n      argv: [sh, -c, 'echo " + clientSecret +
			" eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln >&2; echo " + clientSecret + "; exit 3']\n"
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		w.secrets["C10"] = clientSecret
		w.env = append(w.env, "AWF_CRED_CONFIG="+path)
	}},
	"store that is not there": {6, func(_ *testing.T, w *world) {
		w.env = append(w.env, "AWF_CRED_CACHE=keyring", "DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR=")
	}},
}

// No secret is anywhere but where it was asked for (S01, S02, S06, S12): every
// command, in every class, at the most talkative level, the formats of the log in
// turn; at every level in both with AWF_CHAOS=full.
func TestCanaries(t *testing.T) {
	t.Parallel()
	binary := product(t)
	levels := []string{"debug"}
	if os.Getenv("AWF_CHAOS") == "full" {
		levels = []string{"debug", "info", "warn", "error"}
	}
	for name, class := range canaryClasses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sb := sandbox.Start(t)
			w := &world{binary: binary, sb: sb, secrets: map[string]string{"C1": sb.Job().RequestToken, "C7": proxyPassword}}
			class.fail(t, w)
			home := t.TempDir()
			for _, level := range levels {
				for i, c := range canaryCommands {
					for j, format := range []string{"text", "json"} {
						if len(levels) == 1 && (i+j)%2 == 1 { // in turn
							continue
						}
						w.run(t, home, c.args, c.allowed, "AWF_CRED_LOG_LEVEL="+level, "AWF_CRED_LOG_FORMAT="+format)
					}
				}
			}
			w.checkFiles(t, home)
			assert.Equal(t, class.status, w.run(t, home, []string{"token"}, "token"), "the class is what it says")
		})
	}
}

// run runs a command and returns its exit status.
func (w *world) run(t *testing.T, home string, args []string, allowed string, log ...string) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.binary, args...)
	cmd.Dir = home
	// Of a variable that occurs twice the last one counts for os/exec.
	cmd.Env = append(append(append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}, w.sb.GitHubEnv()...), w.sb.AnthropicEnv()...), log...)
	cmd.Env = append(cmd.Env, w.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // whatever its status
	what := strings.Join(args, " ") + " " + strings.Join(log, " ")
	w.clean(t, what+": stderr", stderr.String(), "")
	w.clean(t, what+": stdout", stdout.String(), allowed)
	for line := range strings.Lines(stdout.String() + "\n" + stderr.String()) {
		assert.False(t, strings.HasPrefix(line, "::"), "%s: %q", what, line)
	}
	return cmd.ProcessState.ExitCode()
}

var (
	looksToken     = regexp.MustCompile(`sk-ant-[a-z0-9]+-[A-Za-z0-9_-]{8}`)
	looksAssertion = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+`)
)

// clean looks for every secret of the world in every form, and for whatever looks
// like a token or an assertion.
func (w *world) clean(t *testing.T, where, text, allowed string) {
	t.Helper()
	if allowed != "token" {
		assert.NotRegexp(t, looksToken, text, where)
	}
	if allowed != "assertion" {
		assert.NotRegexp(t, looksAssertion, text, where)
	}
	for name, secret := range w.secrets {
		if name == "C5" && allowed == "token" || name == "C2" && allowed == "assertion" {
			continue
		}
		for _, form := range forms(secret) {
			if strings.Contains(text, form) {
				t.Errorf("%s holds %s", where, name)
				break
			}
		}
	}
}

// forms are the ways in which a secret could be shown, whole or in a part of 12
// characters; of a JWT the signature, because others have the same header and claims.
func forms(secret string) []string {
	if parts := strings.Split(secret, "."); len(parts) == 3 {
		secret = parts[2]
	}
	out := []string{
		base64.StdEncoding.EncodeToString([]byte(secret))[:16], base64.RawURLEncoding.EncodeToString([]byte(secret))[:16],
		hex.EncodeToString([]byte(secret))[:24], url.QueryEscape(secret), fmt.Sprintf("%q", secret),
	}
	const begin = 13 // behind a prefix such as sk-ant-oat01-
	for i := min(begin, len(secret)/2); i+12 <= len(secret); i++ {
		out = append(out, secret[i:i+12])
	}
	return out
}

// checkFiles: in the files that a run leaves there may be a credential in the
// cache entry, mode 0600, and nothing else.
func (w *world) checkFiles(t *testing.T, home string) {
	t.Helper()
	err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		allowed := ""
		if strings.HasSuffix(path, ".json") && strings.Contains(path, "awf-cred") {
			allowed = "token"
			info, err := d.Info()
			require.NoError(t, err)
			assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), path)
		}
		w.clean(t, path, string(data), allowed)
		return nil
	})
	assert.NoError(t, err)
}

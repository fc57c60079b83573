//go:build linux

package chaos

import (
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// canaries are the secrets of a machine (C1, C3, C5, C7 of the list; assertions,
// C2, are minted anew each time and are taken from what the sandbox received).
type canaries struct {
	request, token, static, proxy canary
}

func newCanaries() *canaries {
	return &canaries{
		request: newCanary("C1 request token", "ghs-"), token: newCanary("C3 bearer token", "sk-ant-oat01-"),
		static: newCanary("C5 static key", "sk-ant-api03-"), proxy: newCanary("C7 proxy password", ""),
	}
}

// guarded is a world whose secrets are canaries.
func (s *canaries) guarded(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, sandbox.With(func(c *sandbox.Config) { c.Identity.RequestToken = s.request.value }))
	return w.with("ANTHROPIC_API_KEY="+s.static.value, "HTTPS_PROXY=http://user:"+s.proxy.value+"@127.0.0.1:9", "NO_PROXY=127.0.0.1,localhost")
}

func (s *canaries) grant(w *world) {
	w.sb.AddFault(sandbox.AnthropicToken, sandbox.Fault{Status: 200, Body: grant(jsonString(s.token.value), "")}.Always())
}

// asserted are the identity tokens that were sent so far.
func asserted(w *world) []canary {
	var list []canary
	for _, r := range w.sb.Requests(sandbox.AnthropicToken) {
		for _, part := range strings.FieldsFunc(string(r.Body), func(r rune) bool { return strings.ContainsRune(`"&={}, `, r) }) {
			if strings.HasPrefix(part, "eyJ") {
				if decoded, err := url.QueryUnescape(part); err == nil {
					part = decoded
				}
				signature := part[strings.LastIndexByte(part, '.')+1:]
				list = append(list, canaryOf("C2 assertion", "", signature[:min(len(signature), 60)]))
			}
		}
	}
	return list
}

var canaryCommands = []struct {
	args  string
	shows string // what it may print: token, assertion or nothing
}{
	{"token", "token"}, {"token --format json", "token"}, {"token --format header", "token"}, {"token --format exec-credential", "token"},
	{"token --force-refresh", "token"}, {"token --cache none", "token"}, {"exchange", "token"}, {"exchange --format json", "token"},
	{"exchange --dry-run", ""}, {"mint", "assertion"}, {"mint --format json", "assertion"}, {"env", "token"}, {"env --for claude-code --shell fish", "token"},
	{"env --unset", ""}, {"status", ""}, {"status --format json", ""}, {"status --check", ""}, {"config show", ""}, {"config show --format json", ""},
	{"config validate", ""}, {"version --format json", ""}, {"token --help", ""}, {"__complete token --profile ", ""}, {"cache clear", ""}, {"cache clear --all", ""},
}

// canaryClasses set up one class of failure each.
var canaryClasses = map[string]func(s *canaries, w *world) *world{
	"ok": func(s *canaries, w *world) *world { s.grant(w); return w },
	"usage": func(s *canaries, w *world) *world {
		return w.with("AWF_AUTH_ANTHROPIC_TOKEN_URL=https://user:"+s.proxy.value+"@127.0.0.1/x", "AWF_AUTH_ANTHROPIC_SERVICE_ACCOUNT_ID="+s.static.value)
	},
	"identity": func(s *canaries, w *world) *world {
		w.sb.AddFault(sandbox.Mint, sandbox.Fault{Status: 401, Body: `{"message":"bad ` + s.request.value + ` Bearer ` + s.request.value + `"}`}.Always())
		return w
	},
	"refused": func(s *canaries, w *world) *world {
		w.sb.AddFault(sandbox.AnthropicToken, sandbox.Refusal(401, "authentication_error").Always())
		return w
	},
	"echo": func(s *canaries, w *world) *world {
		body := `{"error":"invalid_grant","error_description":"your key ` + s.token.value + ` Bearer ` + s.token.value + `","access_token":"` + s.token.value + `"}`
		w.sb.AddFault(sandbox.AnthropicToken, sandbox.Fault{Status: 400, Body: body}.Always())
		return w
	},
	"garbage": func(s *canaries, w *world) *world {
		w.sb.AddFault(sandbox.AnthropicToken, sandbox.Fault{Status: 200, Body: grant(jsonString(s.token.value+"\n"+s.token.value), "")}.Always())
		return w
	},
	"unavailable": func(s *canaries, w *world) *world {
		w.sb.AddFault(sandbox.AnthropicToken, sandbox.Fault{Status: 503, Body: s.token.value}.Always())
		return w.with("AWF_CRED_TIMEOUT=300ms")
	},
	"storage": func(s *canaries, w *world) *world {
		s.grant(w)
		_ = os.Mkdir(w.dir, 0o700)
		_ = os.Chmod(w.dir, 0o755)
		return w.with("AWF_CRED_CACHE=keyring", "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent")
	},
}

func TestS01S17NoSecretEscapes(t *testing.T) {
	t.Parallel()
	c := row(t, "S01-S17", "commands x classes x log settings: no canary in any sink")
	var wg sync.WaitGroup
	places := make(chan struct{}, 4)
	for class, prepare := range canaryClasses {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			s := newCanaries()
			w := prepare(s, s.guarded(t))
			for i, level := range []string{"debug", "info", "warn", "error"} {
				for j, format := range []string{"text", "json"} {
					if !full && (i > 0 || j != len(class)%2) {
						continue
					}
					for _, command := range canaryCommands {
						args := append(strings.Split(command.args, " "), "--log-level", level, "--log-format", format)
						if strings.HasPrefix(command.args, "__complete") {
							args = strings.Split(command.args, " ")
						}
						r := w.run(args...)
						s.search(c, w, class+": "+strings.Join(args, " "), command.shows, r)
					}
				}
			}
			s.searchFiles(c, w, class)
			s.searchWire(c, w, class)
		})
	}
	wg.Wait()
}

func (s *canaries) all(w *world) []canary {
	return append(asserted(w), s.request, s.token, s.static, s.proxy)
}

func (s *canaries) search(c *check, w *world, what, shows string, r result) {
	c.t.Helper()
	for _, secret := range s.all(w) {
		allowed := shows == "token" && secret.name == s.token.name
		c.that(allowed || secret.in(r.out) == "", "S01: %s: %s on stdout: %v", what, secret.name, r)
		c.that(secret.in(r.err) == "", "S02: %s: %s on stderr: %v", what, secret.name, r)
	}
	// An assertion that was minted and not sent is not in the list: nothing that
	// looks like one may be seen.
	looks := strings.Contains(r.out, "eyJ") && shows != "assertion" || strings.Contains(r.err, "eyJ")
	c.that(!looks, "S01, S02: %s: something like an assertion: %v", what, r)
	c.that(clean(r.err), "%s: %v", what, r)
}

// searchFiles looks at every file that is left (S06): the token lies in the entry
// and nowhere else.
func (s *canaries) searchFiles(c *check, w *world, what string) {
	c.t.Helper()
	err := filepath.WalkDir(w.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, secret := range s.all(w) {
			entry := filepath.Dir(path) == w.dir && strings.HasSuffix(path, ".json") && secret.name == s.token.name
			c.that(entry || secret.in(string(data)) == "", "S06: %s: %s in %s", what, secret.name, path)
			c.that(secret.in(path) == "", "S06: %s: %s in the name %s", what, secret.name, path)
		}
		return nil
	})
	c.that(err == nil, "%s: %v", what, err)
}

// searchWire looks at what each endpoint received (S13, S14).
func (s *canaries) searchWire(c *check, w *world, what string) {
	c.t.Helper()
	for _, r := range w.sb.Requests() {
		head, body := string(r.Head), string(r.Body)
		for _, secret := range s.all(w) {
			inHead := r.Endpoint == sandbox.Mint && secret.name == s.request.name
			inBody := r.Endpoint == sandbox.AnthropicToken && secret.name == "C2 assertion"
			c.that(inHead || secret.in(head) == "", "S14: %s: %s in the head to %s", what, secret.name, r.Endpoint)
			c.that(inBody || secret.in(body) == "", "S14: %s: %s in the body to %s", what, secret.name, r.Endpoint)
			c.that(secret.in(r.Target) == "", "S13: %s: %s in the target %s", what, secret.name, r.Target)
		}
	}
}

func TestT40SecretsAreMaskedBeforeTheyArePrinted(t *testing.T) {
	t.Parallel()
	c := row(t, "T40, S02", "in Actions: every secret masked on stderr before anything can print it")
	s := newCanaries()
	w := s.guarded(t).with("GITHUB_ACTIONS=true", "RUNNER_TEMP="+t.TempDir())
	s.grant(w)
	for _, command := range canaryCommands {
		both := filepath.Join(t.TempDir(), "log")
		file, err := os.Create(both) // as a runner reads both streams: in the order of the writes
		require.NoError(t, err)
		cmd := w.command(strings.Split(command.args, " ")...)
		cmd.Stdout, cmd.Stderr = file, file
		r := w.runCmd(cmd)
		require.NoError(t, file.Close())
		data, err := os.ReadFile(both)
		require.NoError(t, err)
		masked := map[string]bool{}
		for line := range strings.Lines(string(data)) {
			if value, ok := strings.CutPrefix(line, "::add-mask::"); ok {
				masked[strings.TrimSuffix(value, "\n")] = true
				continue
			}
			for value := range masked { // what the runner would show
				line = strings.ReplaceAll(line, value, "***")
			}
			for _, secret := range s.all(w) {
				c.that(secret.in(line) == "", "%s: the log shows %s: %q", command.args, secret.name, line)
			}
			c.that(!strings.Contains(line, "eyJ"), "%s: the log shows an assertion: %q", command.args, line)
		}
		c.that(r.code == 0 || r.code == 5 && contains(command.args, "check"), "%s: exit %d: %s", command.args, r.code, data)
	}
}

func TestS07S10S11ProcessesAndCrashes(t *testing.T) {
	t.Parallel()
	c := row(t, "S07, S10, S11, T43", "arguments, a crash by signal, GODEBUG, core files: no canary")
	s := newCanaries()
	w := s.guarded(t)
	s.grant(w)
	if _, err := exec.LookPath("strace"); err == nil {
		trace := filepath.Join(t.TempDir(), "trace")
		for _, command := range []string{"token --force-refresh", "env", "status", "token --cache auto"} {
			r := w.under("strace", "-f", "-qq", "-s", "100000", "-o", trace, "-e", "trace=execve,unlink,unlinkat,openat").run(strings.Fields(command)...)
			data, err := os.ReadFile(trace)
			require.NoError(t, err)
			_, calls, _ := strings.Cut(string(data), "\n") // the first line is strace's own start of us
			for _, secret := range s.all(w) {
				c.that(secret.in(calls) == "", "S07: %s: %s in a call", command, secret.name)
			}
			c.that(strings.Count(string(data), "execve(") == 1 && r.code == 0, "%s starts a process: %v", command, r)
		}
	} else {
		c.note("argv needs strace")
	}
	w.sb.ClearFaults("")
	w.sb.AddFault(sandbox.AnthropicToken, sandbox.Hang(sandbox.StageAnswer).Always())
	signals := []syscall.Signal{syscall.SIGQUIT, syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGTRAP}
	for _, sig := range signals[:much(len(signals), 2)] {
		v := w.fresh().with("GOTRACEBACK=crash", "GODEBUG=http2debug=2,inittrace=1,gctrace=1")
		before := v.sb.Counts().Endpoints[sandbox.AnthropicToken]
		p := v.start(v.command("token", "--log-level", "debug"))
		require.NoError(t, v.sb.Await(within(t, time.Minute), func(n sandbox.Counts) bool { return n.Endpoints[sandbox.AnthropicToken] > before }))
		require.NoError(t, p.cmd.Process.Signal(sig))
		r := p.wait()
		for _, secret := range s.all(w) {
			c.that(secret.in(r.out) == "" && secret.in(r.err) == "", "S10: %v shows %s: %v", sig, secret.name, r)
		}
		cores, _ := filepath.Glob(filepath.Join(v.home, "core*"))
		c.that(len(cores) == 0, "S11: %v leaves %v", sig, cores)
	}
}

func TestT41NoPartOfASecretIsShown(t *testing.T) {
	t.Parallel()
	c := row(t, "T41", "no prefix, suffix, length or digest of a secret is printed")
	s := newCanaries()
	w := s.guarded(t)
	s.grant(w)
	w.warm()
	var shown strings.Builder
	for _, args := range []string{"status", "status --format json", "config show", "config show --format json", "exchange --dry-run", "token --help", "version"} {
		r := w.run(append(strings.Fields(args), "--log-level", "debug")...)
		shown.WriteString(r.out + r.err)
	}
	for _, secret := range []canary{s.request, s.token, s.static, s.proxy} {
		random := secret.value[len(secret.value)-40:]
		for i := 0; i+8 <= len(random); i++ {
			c.that(!contains(shown.String(), random[i:i+8]), "8 characters of %s are shown", secret.name)
		}
		for _, digest := range digests(secret.value) {
			c.that(!contains(shown.String(), digest[:16]), "more than 12 digits of a digest of %s are shown", secret.name)
		}
	}
}

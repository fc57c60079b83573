//go:build linux

package chaos

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// settings is the environment of a world as a config file.
func (w *world) settings() string {
	of := func(name string) string {
		for _, have := range w.env {
			if value, ok := strings.CutPrefix(have, name+"="); ok {
				return value
			}
		}
		return ""
	}
	return `version: 1
default_profile: review
profiles:
  review:
    provider: anthropic
    identity: {type: github}
    federation_rule_id: ` + of("AWF_AUTH_ANTHROPIC_FEDERATION_RULE_ID") + `
    organization_id: ` + of("AWF_AUTH_ANTHROPIC_ORGANIZATION_ID") + `
    service_account_id: ` + of("AWF_AUTH_ANTHROPIC_SERVICE_ACCOUNT_ID") + `
    workspace_id: ` + of("AWF_AUTH_ANTHROPIC_WORKSPACE_ID") + `
    token_url: ` + of("AWF_AUTH_ANTHROPIC_TOKEN_URL") + `
`
}

// filed returns a copy that is configured by a file alone.
func (w *world) filed(path string) *world {
	return w.with("AWF_AUTH_TYPE", "AWF_AUTH_PROVIDER", "AWF_AUTH_OIDC_AUDIENCE", "AWF_AUTH_ANTHROPIC_FEDERATION_RULE_ID",
		"AWF_AUTH_ANTHROPIC_ORGANIZATION_ID", "AWF_AUTH_ANTHROPIC_SERVICE_ACCOUNT_ID", "AWF_AUTH_ANTHROPIC_WORKSPACE_ID",
		"AWF_AUTH_ANTHROPIC_TOKEN_URL", "AWF_CRED_CONFIG="+path)
}

func TestF001F003SettingsAreMissingOrWrong(t *testing.T) {
	t.Parallel()
	c := row(t, "F001, F002, F003", "no, malformed and contradictory settings: all named in one run")
	w := newWorld(t)
	bare := w.filed("").with("AWF_CRED_CONFIG", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	for _, command := range []string{"token", "env", "mint", "exchange"} {
		r := bare.run(command)
		c.that(r.fails(2) || command == "mint" && r.fails(3), "%s: %v", command, r)
	}
	r := bare.with("AWF_AUTH_TYPE=github-oidc", "AWF_AUTH_PROVIDER=anthropic").run("token")
	for _, name := range []string{"FEDERATION_RULE_ID", "ORGANIZATION_ID", "SERVICE_ACCOUNT_ID"} {
		c.that(r.fails(2) && contains(r.err, name), "missing %s: %v", name, r)
	}
	r = w.with("AWF_AUTH_ANTHROPIC_FEDERATION_RULE_ID=x", "AWF_AUTH_ANTHROPIC_ORGANIZATION_ID=x", "AWF_AUTH_ANTHROPIC_SERVICE_ACCOUNT_ID=x",
		"AWF_AUTH_ANTHROPIC_WORKSPACE_ID=x", "AWF_AUTH_ANTHROPIC_TOKEN_URL=x").run("token")
	for _, part := range []string{"FEDERATION_RULE_ID", "fdrl_", "ORGANIZATION_ID", "UUID", "SERVICE_ACCOUNT_ID", "svac_", "WORKSPACE_ID", "wrkspc_", "TOKEN_URL"} {
		c.that(r.fails(2) && contains(r.err, part), "malformed %s: %v", part, r)
	}
	for args, want := range map[string]string{
		"token --formt x": "--format", "toke": "token", "token --format jsn": "json", "token --profile nope": "nope", "token --cache flie": "file",
		"token --provider antropic": "anthropic", "token --min-ttl soon": "min-ttl", "token extra": "extra",
	} {
		r = w.run(strings.Fields(args)...)
		c.that(r.fails(2) && contains(r.err, want), "%s: %v", args, r)
	}
	c.that(w.mints() == 0 && w.exchanges() == 0, "nothing was sent")
}

func TestF004F005T35TheConfigFile(t *testing.T) {
	t.Parallel()
	c := row(t, "F004, F005, T35", "config files that are missing, cut, huge, a FIFO or hostile: class 2 within a second")
	w := newWorld(t)
	path := filepath.Join(w.home, "config.yaml")
	v := w.filed(path)
	text := w.settings()
	write(t, path, text, 0o600)
	r := v.run("token")
	_, ok := r.token()
	c.that(ok, "a good file: %v", r)
	c.that(v.with("AWF_CRED_CACHE_DIR="+w.dir).run("token").err == "", "a hit")
	write(t, path, "\ufeff"+strings.Replace(strings.Replace(text, "identity: {type: github}", "identity: &id {type: github}", 1), "profiles:", "profiles:", 1), 0o600)
	r = v.run("token")
	_, ok = r.token()
	c.that(ok, "a BOM and an anchor: %v", r)

	for n := 0; n < len(text); n += much(1, 17) {
		write(t, path, text[:n], 0o600)
		r := v.run("config", "validate")
		c.that((r.code == 0 || r.code == 2) && clean(r.err), "cut at %d: %v", n, r)
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i < 'k'; i++ {
		bomb += string(i) + ": &" + string(i) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(i-1)+",", 9), ",") + "]\n"
	}
	for name, hostile := range map[string]string{
		"bomb": bomb, "duplicate key": text + "default_profile: other\n", "unknown key": text + "profles: {}\n", "unknown key inside": text + "    federation_rule: x\n",
		"a tag": strings.Replace(text, "provider: anthropic", "provider: !!python/object anthropic", 1), "tabs": strings.ReplaceAll(text, "  ", "\t"),
		"UTF-16": "\xff\xfe" + strings.ReplaceAll(text, "", "\x00"), "a second document": text + "---\n" + text, "merge key": text + "    <<: {audience: x}\n",
		"NUL": text + "\x00", "binary": "\x7fELF\x02\x01", "deep": strings.Repeat("[", 100_000), "100 KiB of one key": strings.Repeat("k", 100_000) + ": 1\n",
		"version 2": strings.Replace(text, "version: 1", "version: 2", 1), "not UTF-8": text + "# \xff\xfe\n    audience: \"\xff\"\n",
	} {
		write(t, path, hostile, 0o600)
		r := v.run("token")
		c.that(r.fails(2) && r.took < 5*time.Second && clean(r.err), "%s: %v", name, r)
	}
	for name, put := range map[string]func() error{
		"missing": func() error { return nil }, "a directory": func() error { return os.Mkdir(path, 0o700) }, "a FIFO": func() error { return syscall.Mkfifo(path, 0o600) },
		"100 MiB": func() error {
			_ = os.WriteFile(path, nil, 0o600)
			return os.Truncate(path, 100<<20)
		},
	} {
		require.NoError(t, os.RemoveAll(path))
		require.NoError(t, put())
		r := v.run("token")
		c.that(r.fails(2) && r.took < 5*time.Second, "%s: %v", name, r)
	}
	require.NoError(t, os.RemoveAll(path))
	write(t, path, "", 0o600)
	r = w.with("AWF_CRED_CONFIG=" + path).run("token")
	_, ok = r.token()
	c.that(ok, "an empty file, the environment suffices: %v", r)
}

func TestF007F008NoHome(t *testing.T) {
	t.Parallel()
	c := row(t, "F007, F008", "HOME, XDG, TMPDIR unset, relative, missing or read-only; the working directory deleted")
	w := newWorld(t).with("AWF_CRED_CACHE_DIR")
	none := filepath.Join(w.home, "none")
	for name, env := range map[string][]string{
		"all unset": {"HOME", "TMPDIR"}, "relative": {"HOME=home", "XDG_CACHE_HOME=cache", "XDG_CONFIG_HOME=conf", "TMPDIR=tmp"},
		"missing": {"HOME=" + none + "/home", "XDG_CACHE_HOME=", "TMPDIR=" + none}, "a file": {"HOME=/etc/passwd"},
		"blank": {"HOME= ", "XDG_CACHE_HOME= "}, "read-only": {"HOME=/proc", "XDG_CACHE_HOME=/proc/cache"}, "relative cache": {"XDG_CACHE_HOME=cache"},
	} {
		r := w.with(env...).run("token")
		_, ok := r.token()
		c.that(ok && clean(r.err), "%s: %v", name, r)
	}
	_, err := os.Stat(none)
	c.that(os.IsNotExist(err), "a home that does not exist is not made")
	left, err := filepath.Glob(filepath.Join(w.home, "*", "awf-cred"))
	require.NoError(t, err)
	c.that(len(left) <= 1, "a relative path puts nothing into the working directory: %v", left)

	gone := filepath.Join(w.home, "gone")
	for _, env := range [][]string{{}, {"AWF_CRED_CACHE_DIR=relative"}} {
		require.NoError(t, os.MkdirAll(gone, 0o700))
		v := w.with(env...).under("sh", "-c", `cd "$1" && rmdir "$1" && shift && exec "$@"`, "sh", gone)
		r := v.run("token")
		_, ok := r.token()
		c.that(ok, "the working directory is deleted, %v: %v", env, r)
	}
}

func TestF009ClosedDescriptors(t *testing.T) {
	t.Parallel()
	c := row(t, "F009, F152", "standard descriptors closed or full, in every combination")
	w := newWorld(t)
	for _, redirect := range []string{"<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full", ">/dev/full"} {
		v := w.fresh().under("sh", "-c", `exec "$0" "$@" `+redirect)
		r := v.run("token")
		_, ok := r.token()
		lost := contains(redirect, ">&-") && !strings.HasPrefix(redirect, "2>") && !strings.HasPrefix(redirect, "<&- 2>") || redirect == ">/dev/full"
		if lost {
			c.that((r.code == 6 || r.code == 0) && r.out == "", "%s: %v", redirect, r)
			if redirect == ">/dev/full" {
				c.that(r.code == 6 && contains(r.err, "not delivered") || r.code == 6, "it says that the token was not delivered: %v", r)
			}
			v.wrap = nil
			before := w.exchanges()
			r = v.run("token")
			_, ok = r.token()
			c.that(ok && w.exchanges() == before, "%s: the entry was kept: %v", redirect, r)
		} else {
			c.that(ok, "%s: %v", redirect, r)
		}
		data, err := os.ReadFile(v.entry())
		require.NoError(t, err)
		c.that(strings.HasPrefix(string(data), `{"version":1`), "%s: no output landed in a file of ours", redirect)
	}
}

func TestF010GitHubEnv(t *testing.T) {
	t.Parallel()
	c := row(t, "F010", "GITHUB_ENV missing, a directory, read-only or full: 6, the file unchanged")
	w := newWorld(t).with("GITHUB_ACTIONS=true", "RUNNER_TEMP="+t.TempDir())
	path := filepath.Join(w.home, "github_env")
	v := w.with("GITHUB_ENV=" + path)
	for name, put := range map[string]func() error{
		"missing": func() error { return nil }, "a directory": func() error { return os.Mkdir(path, 0o755) },
		"a FIFO": func() error { return syscall.Mkfifo(path, 0o644) }, "a link": func() error { return os.Symlink("/etc/hostname", path) },
	} {
		require.NoError(t, os.RemoveAll(path))
		require.NoError(t, put())
		r := v.run("env", "--shell", "github")
		c.that(r.fails(6) || r.code == 6, "%s: %v", name, r)
		r = v.run("token")
		_, ok := r.token()
		c.that(ok, "%s, token does not need it: %v", name, r)
	}
	require.NoError(t, os.RemoveAll(path))
	write(t, path, "A=1\n", 0o644)
	r := v.run("env", "--shell", "github")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	c.that(r.code == 0 && strings.HasPrefix(string(data), "A=1\n") && contains(string(data), "ANTHROPIC_AUTH_TOKEN<<"), "%v %q", r, data)
	r = w.with("GITHUB_ENV").run("env", "--shell", "github")
	c.that(r.code == 6 || r.code == 2, "not set: %v", r)
	if os.Geteuid() != 0 {
		c.note("a full disk needs root")
		return
	}
	disk := mount(t, "size=64k")
	full := filepath.Join(disk, "env")
	write(t, full, "A=1\n"+strings.Repeat("#", 4090)+"\n", 0o644) // the next byte needs a page of its own
	fill(t, disk)
	r = w.with("GITHUB_ENV="+full).run("env", "--shell", "github")
	data, err = os.ReadFile(full)
	require.NoError(t, err)
	c.that(r.code == 6 && len(data) == 4095, "full: %d bytes, %v", len(data), r)
}

func TestT17T18NothingComesFromTheWorkingDirectory(t *testing.T) {
	t.Parallel()
	c := row(t, "T17, T18, T34", "hostile files and programs in the working directory and the environment: no effect")
	w := newWorld(t)
	mark := filepath.Join(w.home, "mark")
	script := "#!/bin/sh\necho \"$0\" >>" + mark + "\n"
	for _, program := range []string{"git", "security", "dbus-launch", "gh", "sh", "dbus-daemon", "secret-tool"} {
		write(t, filepath.Join(w.home, program), script, 0o755)
	}
	evil := "version: 1\ndefault_profile: evil\nprofiles: {evil: {provider: anthropic, token_url: 'https://evil.invalid/', identity: {type: command, command: [./gh]}}}\n"
	for _, name := range []string{"awf-cred.yaml", ".awf-cred.yaml", "config.yaml", ".env", "awf-cred/config.yaml", ".config/x"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(w.home, name)), 0o755))
		write(t, filepath.Join(w.home, name), evil, 0o644)
	}
	keylog := filepath.Join(w.home, "keylog")
	for name, env := range map[string][]string{
		"PATH with .": {"PATH=.:" + os.Getenv("PATH")}, "empty PATH element": {"PATH=:" + os.Getenv("PATH")}, "key log": {"SSLKEYLOGFILE=" + keylog},
		"GODEBUG": {"GODEBUG=http2debug=2,x509debug=1,inittrace=0"}, "keyring": {"DBUS_SESSION_BUS_ADDRESS=", "PATH=.", "AWF_CRED_CACHE=auto"},
		"blank config": {"AWF_CRED_CONFIG= "}, "config home": {"XDG_CONFIG_HOME=."},
	} {
		r := w.with(append(env, "HOME="+t.TempDir())...).fresh().run("token")
		_, ok := r.token()
		c.that(ok && clean(r.err), "%s: %v", name, r)
	}
	data, _ := os.ReadFile(mark)
	c.that(len(data) == 0, "these were run: %s", data)
	_, err := os.Stat(keylog)
	c.that(os.IsNotExist(err), "a key log was written")
}

func TestT33EveryVariableHostile(t *testing.T) {
	t.Parallel()
	c := row(t, "T33, T31", "every variable with CR LF, blanks, nothing, 1 MiB or no UTF-8; endpoints in plain http")
	w := newWorld(t)
	names := []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "AWF_AUTH_TYPE", "AWF_AUTH_PROVIDER", "AWF_AUTH_OIDC_AUDIENCE",
		"AWF_AUTH_ANTHROPIC_FEDERATION_RULE_ID", "AWF_AUTH_ANTHROPIC_ORGANIZATION_ID", "AWF_AUTH_ANTHROPIC_SERVICE_ACCOUNT_ID",
		"AWF_AUTH_ANTHROPIC_WORKSPACE_ID", "AWF_AUTH_ANTHROPIC_TOKEN_URL", "AWF_CRED_PROFILE", "AWF_CRED_CACHE", "AWF_CRED_MIN_TTL",
		"AWF_CRED_CA_FILE", "AWF_CRED_LOG_LEVEL", "AWF_CRED_LOG_FORMAT", "AWF_CRED_TIMEOUT", "AWF_CRED_IDENTITY", "AWF_CRED_CONFIG"}
	for _, name := range names {
		for what, value := range map[string]string{
			"CR LF": "a\r\n::set-env name=x::y", "LF": "a\nb", "ESC": "\x1b[2J", "not UTF-8": "a\xff\xfe", "100 KiB": strings.Repeat("x", 100<<10), "bidi": "a\u202eb",
		} {
			r := w.fresh().with(name + "=" + value).run("token")
			want := r.fails(2)
			if strings.HasPrefix(name, "ACTIONS_") {
				want = r.fails(3)
			}
			if name == "AWF_AUTH_OIDC_AUDIENCE" { // any text without control bytes is an audience
				want = want || r.fails(3) || r.fails(4)
			}
			c.that(want && clean(r.err) && contains(r.err, name), "%s with %s: %v", name, what, r)
			c.that(len(r.err) < 8<<10, "%s with %s: a message of %d bytes", name, what, len(r.err))
		}
	}
	for _, name := range names {
		r := w.fresh().with(name + "=  ").run("token")
		absent := w.fresh().with(name).run("token")
		c.that(r.code == absent.code, "%s: blank is absent: %v, %v", name, r, absent)
	}
	for _, url := range []string{"http://127.0.0.1.evil.test/", "http://localhost.evil.test/", "http://[::ffff:1.2.3.4]/", "http://0x7f.1/", "http://2130706433/",
		"http://127.0.0.1@evil.test/", "https://user:canary@evil.test/", "ftp://127.0.0.1/", "//127.0.0.1/", "http://api.anthropic.com/v1/oauth/token"} {
		r := w.with("AWF_AUTH_ANTHROPIC_TOKEN_URL=" + url).run("token")
		c.that(r.fails(2) && !contains(r.err, "canary"), "%s: %v", url, r)
	}
}

func TestF150SignalsAtEachStage(t *testing.T) {
	t.Parallel()
	c := row(t, "F150, F155, F151", "signals while it mints and exchanges: 130, 143, 131, nothing printed, the lock free")
	for _, at := range []sandbox.Endpoint{sandbox.Mint, sandbox.AnthropicToken} {
		for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGQUIT: 131} {
			w := newWorld(t)
			w.sb.AddFault(at, sandbox.Hang(sandbox.StageAnswer))
			p := w.start(w.command("token"))
			require.NoError(t, w.sb.Await(within(t, time.Minute), func(n sandbox.Counts) bool { return n.Endpoints[at] == 1 }))
			sent := time.Now()
			require.NoError(t, p.cmd.Process.Signal(sig))
			r := p.wait()
			c.that(r.code == code && r.out == "" && clean(r.err) && time.Since(sent) < much200ms, "%v in %s: %v", sig, at, r)
			r = w.run("token")
			_, ok := r.token()
			c.that(ok && w.replays() == 0, "after it: %v", r)
		}
	}
	w := newWorld(t)
	r := w.under("sh", "-c", `("$0" "$@"; echo "status $?" >&2) | true`).run("token")
	c.that(contains(r.err, "status 141") || contains(r.err, "status 6") || contains(r.err, "status 0"), "the reader has gone: %v", r)
	before := w.exchanges()
	r = w.run("token")
	_, ok := r.token()
	c.that(ok && w.exchanges() == before, "the entry is kept: %v", r)
}

func TestF164NoProcessesLeft(t *testing.T) {
	t.Parallel()
	need(t, "prlimit")
	need(t, "setpriv")
	needRoot(t)
	c := row(t, "F164, F138", "few processes, few descriptors: a token or a clear text, no crash dump")
	w := newWorld(t)
	for _, limit := range []string{"--nproc=1", "--nproc=3", "--nofile=3", "--nofile=5", "--nofile=8", "--nofile=16", "--fsize=0", "--as=200000000"} {
		v := w.fresh()
		argv := []string{"prlimit", limit}
		if contains(limit, "nproc") {
			argv = []string{"setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "prlimit", limit}
		}
		cmd := v.under(argv...).command("token", "--timeout", "10s")
		cmd.Dir = "/"
		r := v.runCmd(cmd)
		_, ok := r.token()
		crash := contains(r.err, "goroutine ") || contains(r.err, "runtime:") || contains(r.err, "panic")
		if contains(limit, "nproc") || contains(limit, "--as") {
			// Go's runtime gives up before any code of ours runs: that is noted.
			if crash {
				c.note("%s ends in Go's runtime", limit)
				continue
			}
		}
		c.that((ok || r.out == "" && r.code >= 2 && r.code <= 6) && !crash, "%s: %v", limit, r)
	}
}

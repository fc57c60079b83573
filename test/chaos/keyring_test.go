//go:build linux

package chaos

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
	"github.com/awf-cred/awf-cred/test/secretservice"
)

// keyed returns a copy with a session bus, and a keyring on it that behaves so.
func (w *world) keyed(how secretservice.Behaviour) *world {
	w.t.Helper()
	address := secretservice.StartBus(w.t)
	cmd := exec.Command(os.Args[0], address, string(how))
	cmd.Env = append(os.Environ(), helperVariable+"=secretservice")
	secretservice.Start(w.t, cmd)
	return w.with("DBUS_SESSION_BUS_ADDRESS=" + address)
}

func TestF170F172AKeyringThatDoesNotWork(t *testing.T) {
	t.Parallel()
	c := row(t, "F170, F171, F172", "no bus, no service, a locked, slow, dying, wrong keyring: 6 when asked for, files with one warning by auto")
	w := newWorld(t)
	worlds := map[string]*world{
		"no bus":           w.with("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"),
		"a dead bus":       w.with("DBUS_SESSION_BUS_ADDRESS=unix:path=" + filepath.Join(w.home, "none")),
		"a bus of another": w.with("DBUS_SESSION_BUS_ADDRESS=unixexec:path=/bin/true"),
		"no service":       w.with("DBUS_SESSION_BUS_ADDRESS=" + secretservice.StartBus(t)),
	}
	for _, how := range []secretservice.Behaviour{secretservice.Locked, secretservice.Prompt, secretservice.Slow, secretservice.Dies, secretservice.Garbage} {
		if how == secretservice.Dies {
			worlds[string(how)+" explicit"] = w.keyed(how)
			worlds[string(how)+" auto"] = w.keyed(how)
			continue
		}
		worlds[string(how)] = w.keyed(how)
	}
	autos := 0
	var wg sync.WaitGroup
	for name, v := range worlds {
		if !strings.HasSuffix(name, "explicit") {
			autos++
		}
		wg.Go(func() { tryKeyring(c, v, name) })
	}
	wg.Wait()
	c.that(w.exchanges() == autos, "%d exchanges for %d runs of auto: the hits made none", w.exchanges(), autos)
}

// tryKeyring runs token with a keyring that does not work: chosen, and by auto.
func tryKeyring(c *check, v *world, name string) {
	if !strings.HasSuffix(name, "auto") {
		r := v.fresh().run("token", "--cache", "keyring")
		c.that(r.fails(6) && r.took < 8*time.Second && clean(r.err), "%s, keyring: %v", name, r)
	}
	if strings.HasSuffix(name, "explicit") {
		return
	}
	v = v.fresh()
	r := v.run("token", "--cache", "auto")
	_, ok := r.token()
	c.that(ok && r.took < 9*time.Second && countLines(r.err, "keyring") == 1, "%s, auto: %v", name, r)
	r = v.run("token", "--cache", "auto")
	_, ok = r.token()
	c.that(ok && r.err == "", "%s, auto, a hit: %v", name, r)
}

func TestF173F177AKeyringThatWorks(t *testing.T) {
	t.Parallel()
	c := row(t, "F173, F174, F176, F177", "a keyring: 50 processes, one exchange; an item too large; nothing in argv; no file")
	w := newWorld(t).keyed(secretservice.Good)
	agree(c, w.storm(50, "token", "--cache", "keyring"))
	c.that(w.exchanges() == 1 && w.entries() == 0, "%d exchanges, %d files", w.exchanges(), w.entries())
	r := w.run("token", "--cache", "auto")
	_, ok := r.token()
	c.that(ok && r.err == "" && w.exchanges() == 1, "auto finds it: %v", r)
	r = w.run("status", "--cache", "keyring", "--format", "json")
	c.that(r.code == 0 && contains(r.out, `"store":"keyring"`), "status: %v", r)
	r = w.run("cache", "clear", "--cache", "keyring")
	c.that(r.code == 0, "clear: %v", r)
	r = w.run("token", "--cache", "keyring")
	_, ok = r.token()
	c.that(ok && w.exchanges() == 2, "it was cleared: %v", r)

	large := "sk-ant-oat01-" + strings.Repeat("x", 8000)
	w.sb.AddFault(sandbox.AnthropicToken, sandbox.Fault{Status: 200, Body: grant(jsonString(large), ""), Times: 2})
	r = w.run("token", "--cache", "keyring", "--force-refresh")
	c.that(r.fails(6), "too large, keyring: %v", r)
	r = w.run("token", "--cache", "auto", "--force-refresh")
	token, ok := r.token()
	c.that(ok && token == large && countLines(r.err, "keyring") == 1 && w.entries() == 1, "too large, auto: %.300s", r.err)
	r = w.run("token", "--cache", "auto")
	token, ok = r.token()
	c.that(ok && token == large, "too large, auto, a hit: %.300s", r.err)

	if _, err := exec.LookPath("strace"); err != nil {
		c.note("argv needs strace")
		return
	}
	trace := filepath.Join(t.TempDir(), "trace")
	r = w.under("strace", "-f", "-qq", "-o", trace, "-e", "trace=execve").run("token", "--cache", "keyring", "--force-refresh")
	_, ok = r.token()
	data, err := os.ReadFile(trace)
	require.NoError(t, err)
	c.that(ok && strings.Count(string(data), "execve(") == 1, "no helper is run: %s", data)
}

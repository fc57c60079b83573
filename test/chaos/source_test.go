//go:build linux

package chaos

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

const audience = "https://api.anthropic.com"

// sourced returns a copy that takes its assertion from elsewhere than the mint.
func (w *world) sourced(identity string) *world {
	return w.with("AWF_AUTH_TYPE", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "AWF_CRED_IDENTITY="+identity).fresh()
}

func TestF032TheTokenFile(t *testing.T) {
	t.Parallel()
	c := row(t, "F032", "a token file that is missing, empty, odd, too big, linked or rotated: re-read each time")
	w := newWorld(t)
	path := filepath.Join(w.home, "jwt")
	mint := func() string { return w.sb.MintToken(sandbox.Token{Audience: audience}) }
	for name, one := range map[string]struct {
		text func() string
		code int
	}{
		"missing": {nil, 3}, "empty": {func() string { return "" }, 3}, "blank": {func() string { return " \n\t\n" }, 3},
		"a newline": {func() string { return mint() + "\n" }, 0}, "CR LF": {func() string { return mint() + "\r\n" }, 0},
		"a BOM": {func() string { return "\ufeff" + mint() }, 3}, "two lines": {func() string { return mint() + "\n" + mint() }, 3},
		"binary": {func() string { return "\x00\x01\xff" }, 3}, "64 KiB and 1": {func() string { return strings.Repeat("a", 64<<10+1) }, 3},
	} {
		_ = os.Remove(path)
		if one.text != nil {
			write(t, path, one.text(), 0o600)
		}
		r := w.sourced("file:"+path).run("token", "--timeout", "5s")
		_, ok := r.token()
		c.that(one.code == 0 && ok || one.code != 0 && r.fails(one.code) && clean(r.err), "%s: %v", name, r)
	}
	// Kubernetes: token -> ..data/token, and ..data -> a directory that is replaced.
	for i := range 3 {
		dir := filepath.Join(w.home, "..v"+itoa(i))
		require.NoError(t, os.Mkdir(dir, 0o755))
		write(t, filepath.Join(dir, "token"), mint(), 0o644)
		require.NoError(t, os.Symlink(filepath.Base(dir), filepath.Join(w.home, "..new")))
		require.NoError(t, os.Rename(filepath.Join(w.home, "..new"), filepath.Join(w.home, "..data")))
		if i == 0 {
			require.NoError(t, os.Symlink("..data/token", filepath.Join(w.home, "token")))
		}
		r := w.sourced("file:" + filepath.Join(w.home, "token")).run("token")
		_, ok := r.token()
		c.that(ok, "projected, rotation %d: %v", i, r)
	}
	_ = os.Remove(path)
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	r := w.sourced("file:"+path).run("token", "--timeout", "5s")
	c.that(r.fails(3) && r.took < 6*time.Second, "a FIFO: %v", r)
	c.that(w.replays() == 0, "%d replays", w.replays())
}

func TestF033TheCommandSource(t *testing.T) {
	t.Parallel()
	c := row(t, "F033, T46", "a command source that fails, hangs, floods or leaves children: bounded, nothing left running")
	w := newWorld(t)
	config := filepath.Join(w.home, "config.yaml")
	marker := rand.Text() // in the arguments of what we start
	var wg sync.WaitGroup
	for name, one := range map[string]struct {
		argv string
		code int
	}{
		"good":                  {`[/bin/cat, "GOOD"]`, 0},
		"not found":             {`[/nonexistent/program]`, 3},
		"not executable":        {`[/etc/passwd]`, 3},
		"a directory":           {`[/tmp]`, 3},
		"exit 1":                {`[/bin/false]`, 3},
		"a signal":              {`[/bin/sh, -c, "kill -9 $$"]`, 3},
		"nothing":               {`[/bin/true]`, 3},
		"a hang":                {`[/bin/sh, -c, "exec sleep 1000 # MARK", MARK]`, 3},
		"a flood":               {`[/bin/sh, -c, "while :; do echo 0123456789012345678901234567890123456789; done", MARK]`, 3},
		"a token, then a hang":  {`[/bin/sh, -c, "cat 'GOOD'; sleep 1000", MARK]`, 3},
		"ignores SIGTERM":       {`[/bin/sh, -c, "trap '' TERM; while :; do sleep 1; done", MARK]`, 3},
		"a grandchild":          {`[/bin/sh, -c, "(sleep 1000) & cat 'GOOD'", MARK]`, -1},
		"two tokens":            {`[/bin/sh, -c, "cat 'GOOD'; echo; cat 'GOOD'"]`, 3},
		"secrets on its stderr": {`[/bin/sh, -c, "cat 'GOOD' >&2; exit 1"]`, 3},
	} {
		wg.Go(func() {
			v := w.sourced("").with("AWF_CRED_IDENTITY", "AWF_CRED_CONFIG="+config+"."+name)
			good := filepath.Join(w.home, "jwt of "+name)
			_ = os.WriteFile(good, []byte(w.sb.MintToken(sandbox.Token{Audience: audience})), 0o600)
			argv := strings.ReplaceAll(strings.ReplaceAll(one.argv, "GOOD", good), "MARK", marker)
			text := strings.Replace(w.settings(), "identity: {type: github}", "identity: {type: command, argv: "+argv+", timeout: 3s}", 1)
			_ = os.WriteFile(config+"."+name, []byte(text), 0o600)
			v = v.filed(config + "." + name)
			r := v.run("token", "--timeout", "20s")
			_, ok := r.token()
			switch one.code {
			case 0:
				c.that(ok, "%s: %v", name, r)
			case -1:
				c.that((ok || r.fails(3) || r.fails(4)) && r.took < 10*time.Second, "%s: %v", name, r)
			default:
				c.that(r.fails(one.code) && r.took < 10*time.Second && clean(r.err) && !contains(r.err, "eyJ"), "%s: %v", name, r)
			}
		})
	}
	wg.Wait()
	var left []string
	for range 100 { // a process that was killed takes a moment to go
		if left = running(marker); len(left) == 0 {
			break
		}
		<-time.After(20 * time.Millisecond)
	}
	c.that(len(left) == 0, "still running: %v", left)
	c.that(w.replays() == 0, "%d replays", w.replays())
}

// running are the processes with a word in their arguments.
func running(word string) []string {
	var list []string
	dirs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range dirs {
		if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), word) && !strings.Contains(string(data), "chaos.test") {
			list = append(list, strings.ReplaceAll(string(data), "\x00", " "))
		}
	}
	return list
}

func TestF034TheJobsRequestTokenHasEnded(t *testing.T) {
	t.Parallel()
	c := row(t, "F034", "a request token that is a JWT past its exp: the message says so")
	w := newWorld(t)
	claims := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, time.Now().Add(-time.Hour).Unix()))
	r := w.with("ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + segment(`{"alg":"RS256"}`) + "." + claims + ".c2ln").run("token")
	c.that(r.fails(3) && contains(r.err, "ended"), "%v", r)
}

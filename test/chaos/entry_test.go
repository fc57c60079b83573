//go:build linux

package chaos

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// replaced runs token and reports whether it printed a token that is not the old
// one, and left an entry that the next run uses.
func (c *check) replaced(w *world, old, what string) {
	c.t.Helper()
	before := w.exchanges()
	r := w.run("token")
	token, ok := r.token()
	c.that(ok && token != old && w.exchanges() == before+1, "%s: %v", what, r)
	r = w.run("token")
	again, ok := r.token()
	c.that(ok && again == token && w.exchanges() == before+1, "%s, the next run: %v", what, r)
}

func TestF060ATruncatedEntryIsReplaced(t *testing.T) {
	t.Parallel()
	c := row(t, "F060", "the entry cut at every byte")
	w := newWorld(t)
	w.warm()
	whole, err := os.ReadFile(w.entry())
	require.NoError(t, err)
	path := w.entry()
	for n := 0; n < len(whole)-1; n += much(1, 97) {
		write(t, path, string(whole[:n]), 0o600)
		before := w.exchanges()
		r := w.run("token")
		_, ok := r.token()
		c.that(ok && w.exchanges() == before+1, "cut at %d: %v", n, r)
	}
	c.that(len(w.temps()) == 0, "temporary files: %v", w.temps())
}

func TestF061AFlippedBitNeverMakesAnotherToken(t *testing.T) {
	t.Parallel()
	c := row(t, "F061", "a bit of the entry flipped")
	w := newWorld(t)
	old := w.warm()
	path := w.entry()
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	tries := min(8*len(whole), much(2400, 40))
	for i := range tries {
		bit := i * 8 * len(whole) / tries
		flipped := bytes.Clone(whole)
		flipped[bit/8] ^= 1 << (bit % 8)
		write(t, path, string(flipped), 0o600)
		before := w.exchanges()
		r := w.run("token")
		token, ok := r.token()
		c.that(ok && (token == old) == (w.exchanges() == before), "bit %d: %v", bit, r)
	}
}

func TestF062WhatIsNoEntryDoesNotBlock(t *testing.T) {
	t.Parallel()
	c := row(t, "F062", "no file in the place of the entry: a token within a second")
	w := newWorld(t)
	w.warm()
	path := w.entry()
	for name, put := range map[string]func() error{
		"empty": func() error { return os.WriteFile(path, nil, 0o600) },
		"0xFF":  func() error { return os.WriteFile(path, bytes.Repeat([]byte{0xff}, 4096), 0o600) },
		"100 MiB": func() error {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return err
			}
			return os.Truncate(path, 100<<20)
		},
		"directory": func() error { return os.Mkdir(path, 0o700) },
		"FIFO":      func() error { return syscall.Mkfifo(path, 0o600) },
		"socket": func() error {
			short, err := os.MkdirTemp("", "s")
			if err != nil {
				return err
			}
			defer func() { _ = os.RemoveAll(short) }()
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(short, "s"), Net: "unix"})
			if err != nil {
				return err
			}
			l.SetUnlinkOnClose(false)
			defer func() { _ = l.Close() }()
			return os.Rename(filepath.Join(short, "s"), path)
		},
		"device": func() error { return syscall.Mknod(path, syscall.S_IFCHR|0o600, 1<<8|5) },
	} {
		require.NoError(t, os.RemoveAll(path))
		if err := put(); err != nil {
			c.note("%s not staged (%v)", name, err)
			continue
		}
		r := w.run("token")
		_, ok := r.token()
		c.that(ok && r.took < 5*time.Second, "%s: %v", name, r)
	}
}

func TestF063AForeignEntryIsAbsent(t *testing.T) {
	t.Parallel()
	c := row(t, "F063, F077", "an entry of another identity or version")
	w := newWorld(t)
	old := w.warm()
	path := w.entry()
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, version := range []string{"0", "2", "99", `"1"`, "null"} {
		write(t, path, string(bytes.Replace(whole, []byte(`"version":1`), []byte(`"version":`+version), 1)), 0o600)
		c.replaced(w, old, "version "+version)
	}
	twin := w.fresh()
	twin.warm()
	// The same key in another directory holds another token: that one is as good.
	data, err := os.ReadFile(twin.entry())
	require.NoError(t, err)
	c.that(filepath.Base(twin.entry()) == filepath.Base(path), "the key is the same for the same job")
	write(t, filepath.Join(w.dir, "0123456789abcdef0123456789abcdef.json"), string(data), 0o600)
	require.NoError(t, os.Remove(path))
	before := w.exchanges()
	r := w.run("token")
	_, ok := r.token()
	c.that(ok && w.exchanges() == before+1, "an entry under another key's name is not found: %v", r)
	write(t, path, string(bytes.ReplaceAll(data, []byte("environment"), []byte("environmen7"))), 0o600)
	c.replaced(w, "", "a changed entry")
}

func TestT37TwoJobsOfOneRunnerNeverShare(t *testing.T) {
	t.Parallel()
	c := row(t, "T37", "two request tokens, one directory: two entries, two exchanges")
	w := newWorld(t)
	first := w.warm()
	r := w.with(w.sb.AddIdentity(w.sb.Job().Identity).GitHubEnv()...).run("token")
	if _, ok := r.token(); !ok { // the rule may know one subject only
		w = newWorld(t)
		first = w.warm()
	}
	job := w.sb.Job().Identity
	job.Name, job.RequestToken, job.RunID = "", "", "99"
	v := w.with(w.sb.AddIdentity(job).GitHubEnv()...)
	before := w.exchanges()
	r = v.run("token")
	second, ok := r.token()
	c.that(ok && second != first && w.exchanges() == before+1, "%v", r)
	r = w.run("token")
	again, ok := r.token()
	c.that(ok && again == first && w.exchanges() == before+1, "%v", r)
}

func TestF069ADeathAtAnyCallOfTheWritePath(t *testing.T) {
	t.Parallel()
	needStrace(t)
	for _, call := range []string{"write", "fsync", "renameat", "fchmod", "unlinkat", "flock", "openat", "connect", "mkdirat"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			c := row(t, "F069, F035, F081", "SIGKILL at each "+call+", of a cold and of a warm cache")
			w := newWorld(t)
			for _, warm := range []bool{false, true} {
				hits := w.killAtEach(c, call, warm)
				c.note("%d calls", hits)
			}
			c.that(w.replays() == 0, "%d replays", w.replays())
		})
	}
}

func (w *world) killAtEach(c *check, call string, warm bool) (hits int) {
	w.t.Helper()
	missed := 0 // strace counts the calls of each thread for itself
	for n := 1; n < 80 && missed < 3; n += 1 + much(0, n/4) {
		v := w.fresh()
		if warm {
			v.warm()
		}
		trace := filepath.Join(w.t.TempDir(), "trace")
		r := v.under("strace", "-f", "-qq", "-o", trace, "-e", "trace="+call,
			"-e", "inject="+call+":signal=KILL:when="+itoa(n)).run("token", "--force-refresh")
		if _, ok := r.token(); ok {
			missed++
			continue
		}
		hits, missed = hits+1, 0
		next := v.run("token")
		_, ok := next.token()
		c.that(ok && next.took < 10*time.Second, "%s %d, the next run: %v", call, n, next)
		next = v.run("token", "--force-refresh")
		_, ok = next.token()
		c.that(ok && len(v.temps()) == 0, "%s %d, the next writer: %v, left %v", call, n, next, v.temps())
	}
	return hits
}

func TestF066F067AnErrorAtAnyCallCostsAWarning(t *testing.T) {
	t.Parallel()
	needStrace(t)
	errnos := []string{"ENOSPC", "EROFS", "EACCES", "EPERM", "EIO", "EDQUOT", "ENAMETOOLONG", "ELOOP"}
	for _, call := range []string{"mkdirat", "fsync", "renameat", "fchmod"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			c := row(t, "F066, F067", call+" fails: a token, a warning, the old entry")
			w := newWorld(t)
			for _, errno := range errnos[:much(len(errnos), 2)] {
				v := w.fresh()
				var old []byte
				if call != "mkdirat" {
					v.warm()
					old, _ = os.ReadFile(v.entry())
				}
				r := v.under("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace="+call,
					"-e", "inject="+call+":error="+errno).run("token", "--force-refresh")
				_, ok := r.token()
				c.that(ok && contains(r.err, "level=WARN"), "%s: %v", errno, r)
				c.that(len(v.temps()) == 0, "%s: left %v", errno, v.temps())
				if old != nil {
					now, _ := os.ReadFile(v.entry())
					c.that(bytes.Equal(old, now), "%s: the old entry is intact", errno)
				}
				r = v.run("token")
				_, ok = r.token()
				c.that(ok, "%s, the next run: %v", errno, r)
			}
		})
	}
}

func TestF068ASignalInAnyCallDoesNotMatter(t *testing.T) {
	t.Parallel()
	needStrace(t)
	c := row(t, "F068", "EINTR at each call: a token, a whole entry")
	w := newWorld(t)
	for _, call := range []string{"openat", "fsync", "renameat", "fchmod", "flock", "unlinkat", "mkdirat", "newfstatat", "fstat"} {
		for n := 1; n < 40; n += much(1, 9) {
			v := w.fresh()
			trace := filepath.Join(t.TempDir(), "trace")
			r := v.under("strace", "-f", "-qq", "-o", trace, "-e", "trace="+call,
				"-e", "inject="+call+":error=EINTR:when="+itoa(n)).run("token")
			data, err := os.ReadFile(trace)
			require.NoError(t, err)
			if !bytes.Contains(data, []byte("INJECTED")) {
				break
			}
			_, ok := r.token()
			c.that(ok && !contains(r.err, "cache"), "%s %d: %v", call, n, r)
			r = v.run("token")
			_, ok = r.token()
			c.that(ok && r.err == "", "%s %d, the next run: %v", call, n, r)
		}
	}
}

func TestF070TheOrderSurvivesAPowerCut(t *testing.T) {
	t.Parallel()
	needStrace(t)
	c := row(t, "F070", "file synced, renamed, directory synced")
	w := newWorld(t)
	trace := filepath.Join(t.TempDir(), "trace")
	r := w.under("strace", "-f", "-y", "-qq", "-o", trace, "-e", "trace=fsync,fdatasync,renameat,renameat2,rename").run("token")
	_, ok := r.token()
	c.that(ok, "%v", r)
	data, err := os.ReadFile(trace)
	require.NoError(t, err)
	var order string
	for line := range bytes.Lines(data) {
		switch {
		case bytes.Contains(line, []byte("sync(")) && bytes.Contains(line, []byte(".tmp>")):
			order += "f"
		case bytes.Contains(line, []byte("rename")) && bytes.Contains(line, []byte(".json\"")):
			order += "r"
		case bytes.Contains(line, []byte("sync(")) && bytes.Contains(line, []byte(w.dir+">")):
			order += "d"
		}
	}
	c.that(order == "frd", "order %q in %s", order, data)
}

func TestF071TheDirectoryGoesAwayUnderneath(t *testing.T) {
	t.Parallel()
	c := row(t, "F071", "the directory removed while it is used")
	w := newWorld(t)
	for range much(20, 4) {
		v := w.fresh()
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = os.RemoveAll(v.dir)
				}
			}
		})
		for _, p := range v.storm(5, "token") {
			r := p.wait()
			_, ok := r.token()
			c.that(ok, "%v", r)
		}
		close(stop)
		wg.Wait()
	}
	r := w.run("token")
	_, ok := r.token()
	c.that(ok && w.replays() == 0, "%v", r)
}

func TestF073AReaderAmongWriters(t *testing.T) {
	t.Parallel()
	c := row(t, "F073", "readers while a writer replaces the entry again and again")
	w := newWorld(t)
	w.warm()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for range much(500, 20) {
			r := w.run("token", "--force-refresh")
			_, ok := r.token()
			c.that(ok, "writer: %v", r)
		}
		close(stop)
	})
	for {
		select {
		case <-stop:
			wg.Wait()
			return
		default:
		}
		r := w.run("token")
		_, ok := r.token()
		c.that(ok && r.err == "", "reader: %v", r)
	}
}

func TestF074StaleEntriesCostNothing(t *testing.T) {
	t.Parallel()
	c := row(t, "F074", "10,000 stale entries and temporary files")
	w := newWorld(t, shortLife)
	w.warm()
	path := w.entry()
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	hit := func() time.Duration {
		best := time.Hour
		for range 15 {
			r := w.run("token")
			_, ok := r.token()
			c.that(ok && r.err == "", "%v", r)
			best = min(best, r.took)
		}
		return best
	}
	normal := hit()
	stale := much(10_000, 1_000)
	old := time.Now().Add(-48 * time.Hour)
	for i := range stale {
		name := itoa(1_000_000+i) + "00000000000000000000000ff.json"
		if i%10 == 0 {
			name = "." + name + ".ABCDEFGHIJKL.tmp"
		}
		stalePath := filepath.Join(w.dir, name)
		write(t, stalePath, string(whole), 0o600)
		require.NoError(t, os.Chtimes(stalePath, old, old))
	}
	among := hit()
	c.that(among < 2*normal+20*time.Millisecond, "a hit takes %v, among stale entries %v", normal, among)
	r := w.run("token", "--force-refresh")
	_, ok := r.token()
	c.that(ok, "%v", r)
	left, err := filepath.Glob(filepath.Join(w.dir, "*.json"))
	require.NoError(t, err)
	c.that(len(left) == 1 && len(w.temps()) == 0, "%d entries, %d temporary files left", len(left), len(w.temps()))
	c.note("a hit %v, among %d stale %v; the writer took %v", normal, stale, among, r.took)
}

func TestF075ClearDuringEverything(t *testing.T) {
	t.Parallel()
	c := row(t, "F075", "cache clear while others read, write and refresh")
	w := newWorld(t)
	for i := range much(40, 6) {
		list := w.storm(8, "token")
		if i%2 == 0 {
			list = append(list, w.storm(4, "token", "--force-refresh")...)
		}
		clears := append(w.storm(2, "cache", "clear"), w.storm(2, "cache", "clear", "--all")...)
		for _, p := range list {
			r := p.wait()
			_, ok := r.token()
			c.that(ok, "%v", r)
		}
		for _, p := range clears {
			r := p.wait()
			c.that(r.code == 0, "%v", r)
		}
	}
	before := w.exchanges()
	r := w.run("cache", "clear", "--all")
	c.that(r.code == 0, "%v", r)
	r = w.run("token")
	_, ok := r.token()
	c.that(ok && w.exchanges() == before+1, "nothing is resurrected: %v", r)
	c.that(w.replays() == 0, "%d replays", w.replays())
}

func TestF076OddPaths(t *testing.T) {
	t.Parallel()
	c := row(t, "F076", "the cache on an odd path")
	w := newWorld(t)
	long := w.home
	for len(long) < 4000 {
		long = filepath.Join(long, string(bytes.Repeat([]byte("d"), 200)))
	}
	for name, dir := range map[string]string{
		"spaces": "a b  c", "newline": "a\nb", "workflow command": "a\n::set-env name=X::y", "quotes": `a"b'c`, "dollar": "$(id)`id`",
		"not UTF-8": "a\xff\xfeb", "escape": "a\x1b[2Jb", "4,000 characters": long, "too long": long + long, "leading dash": "-rf", "dots": "a/../b/./c",
	} {
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(w.home, "odd") + "/" + dir
		}
		v := w.with("AWF_CRED_CACHE_DIR=" + dir)
		for range 2 {
			r := v.run("token")
			_, ok := r.token()
			c.that(ok && oneLine(r.err) && !contains(r.err, "\x1b"), "%s: %v", name, r)
		}
	}
}

// oneLine reports whether no line begins as the runner's commands do.
func oneLine(s string) bool { return !contains("\n"+s, "\n::") }

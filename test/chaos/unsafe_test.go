//go:build linux

package chaos

import (
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

const nobody = 65534

// unused runs token on a cache that must not be used: a token, a warning that
// says why, twice, and nothing written; status is 6.
func (c *check) unused(w *world, what string, says ...string) {
	c.t.Helper()
	before := w.exchanges()
	for range 2 {
		r := w.run("token")
		_, ok := r.token()
		c.that(ok && contains(r.err, "level=WARN") && oneLine(r.err), "%s: %v", what, r)
		for _, s := range says {
			c.that(contains(r.err, s), "%s: the warning does not say %q: %v", what, s, r)
		}
	}
	c.that(w.exchanges() == before+2, "%s: %d exchanges", what, w.exchanges()-before)
	r := w.run("status")
	c.that(r.code == 6, "%s: status: %v", what, r)
}

func TestF064F065T12AnUnsafeDirectoryIsNotUsed(t *testing.T) {
	t.Parallel()
	c := row(t, "F064, F065, T12", "the directory is another user's, open, a link or no directory")
	w := newWorld(t)
	target := filepath.Join(w.home, "target")
	for name, one := range map[string]struct {
		root bool
		put  func(dir string) error
		says []string
	}{
		"mode 0755":       {put: func(d string) error { return mkdir(d, 0o755) }, says: []string{"0755", "owner uid", "chmod 700"}},
		"mode 0777":       {put: func(d string) error { return mkdir(d, 0o777) }, says: []string{"0777", "chmod 700"}},
		"mode 0701":       {put: func(d string) error { return mkdir(d, 0o701) }, says: []string{"0701", "chmod 700"}},
		"another user's":  {root: true, put: func(d string) error { return give(d) }, says: []string{"owner uid 65534"}},
		"a link":          {put: func(d string) error { return os.Symlink(target, d) }, says: []string{"symbolic link"}},
		"a dangling link": {put: func(d string) error { return os.Symlink(target+".none", d) }, says: []string{"symbolic link"}},
		"a loop":          {put: func(d string) error { return os.Symlink(d, d) }, says: []string{"symbolic link"}},
		"a file":          {put: func(d string) error { return os.WriteFile(d, nil, 0o600) }, says: []string{"not a directory"}},
		"a FIFO":          {put: func(d string) error { return syscall.Mkfifo(d, 0o600) }, says: []string{"not a directory"}},
		"a socket or device": {root: true, put: func(d string) error { return syscall.Mknod(d, syscall.S_IFCHR|0o600, 1<<8|3) },
			says: []string{"not a directory"}},
	} {
		if one.root && os.Geteuid() != 0 {
			c.note("%s needs root", name)
			continue
		}
		require.NoError(t, os.RemoveAll(target))
		require.NoError(t, mkdir(target, 0o700))
		v := w.fresh()
		if err := one.put(v.dir); err != nil {
			c.note("%s not staged: %v", name, err)
			continue
		}
		c.unused(v, name, append(one.says, v.dir)...)
		left, err := os.ReadDir(target)
		require.NoError(t, err)
		c.that(len(left) == 0, "%s: the target was touched", name)
	}
	t.Run("ancestor", func(t *testing.T) {
		needRoot(t)
		base := filepath.Join(w.home, "theirs")
		require.NoError(t, mkdir(base, 0o755))
		require.NoError(t, os.Chown(base, nobody, nobody))
		v := w.with("AWF_CRED_CACHE_DIR=" + filepath.Join(base, "cache"))
		c.unused(v, "an ancestor of another user", base)
		_, err := os.Stat(filepath.Join(base, "cache"))
		c.that(os.IsNotExist(err), "nothing is made in it")
	})
	linked := filepath.Join(w.home, "linked")
	require.NoError(t, os.Symlink(target, linked))
	r := w.with("AWF_CRED_CACHE_DIR=" + filepath.Join(linked, "cache")).run("token")
	_, ok := r.token()
	c.that(ok && !contains(r.err, "cache"), "a linked home is fine: %v", r)
}

func mkdir(path string, mode fs.FileMode) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

func give(path string) error {
	if err := mkdir(path, 0o700); err != nil {
		return err
	}
	return os.Chown(path, nobody, nobody)
}

func TestF064F065T12AnUnsafeEntryIsNotUsed(t *testing.T) {
	t.Parallel()
	c := row(t, "F064, F065, T12", "the entry is another user's, open, a link or has a second name")
	w := newWorld(t)
	for name, one := range map[string]struct {
		root bool
		do   func(entry string) error
		says string
	}{
		"mode 0644":       {do: func(e string) error { return os.Chmod(e, 0o644) }, says: "chmod 600"},
		"mode 0666":       {do: func(e string) error { return os.Chmod(e, 0o666) }, says: "chmod 600"},
		"another user's":  {root: true, do: func(e string) error { return os.Chown(e, nobody, nobody) }, says: "65534"},
		"a second name":   {do: func(e string) error { return os.Link(e, e+".second") }, says: "hard link"},
		"a link":          {do: func(e string) error { _ = os.Rename(e, e+".t"); return os.Symlink(e+".t", e) }, says: "symbolic link"},
		"a dangling link": {do: func(e string) error { _ = os.Remove(e); return os.Symlink(e+".t", e) }, says: "symbolic link"},
		"a loop":          {do: func(e string) error { _ = os.Remove(e); return os.Symlink(e, e) }, says: "symbolic link"},
	} {
		if one.root && os.Geteuid() != 0 {
			c.note("%s needs root", name)
			continue
		}
		v := w.fresh()
		v.warm()
		entry := v.entry()
		whole, err := os.ReadFile(entry)
		require.NoError(t, err)
		require.NoError(t, one.do(entry))
		c.unused(v, name, one.says, entry)
		if data, err := os.ReadFile(entry + ".t"); err == nil {
			c.that(string(data) == string(whole), "%s: the target is untouched", name)
		} else {
			c.that(name != "a link", "the target is gone")
		}
	}
}

func TestT12ALockThatIsNoFileOfOursIsNotUsed(t *testing.T) {
	t.Parallel()
	c := row(t, "T12", "the lock or the ledger is a link, FIFO or directory")
	w := newWorld(t)
	for name, put := range map[string]func(path string) error{
		"a link":      func(p string) error { return os.Symlink(p+".target", p) },
		"a FIFO":      func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"a directory": func(p string) error { return os.Mkdir(p, 0o700) },
		"a file":      func(p string) error { return os.WriteFile(p, nil, 0o644) },
	} {
		for _, what := range []string{".lock", "ledger"} {
			v := w.fresh()
			v.warm()
			path := filepath.Join(v.dir, "ledger")
			if what == ".lock" {
				path = strings.TrimSuffix(v.entry(), ".json") + ".lock"
			}
			require.NoError(t, os.RemoveAll(path))
			require.NoError(t, put(path))
			r := v.run("token", "--force-refresh")
			_, ok := r.token()
			c.that(ok && r.took < 10*time.Second, "%s %s: %v", what, name, r)
			_, err := os.Lstat(path + ".target")
			c.that(os.IsNotExist(err), "%s %s: written through", what, name)
		}
	}
}

func TestT13NoFileIsEverOpenToOthers(t *testing.T) {
	t.Parallel()
	c := row(t, "T13, F011", "umask 000, 022 and 777: every file is made 0600, every directory 0700")
	w := newWorld(t)
	for _, umask := range []string{"000", "022", "777"} {
		v := w.fresh()
		trace := filepath.Join(t.TempDir(), "trace")
		wrap := []string{"sh", "-c", "umask " + umask + `; exec "$0" "$@"`}
		if _, err := exec.LookPath("strace"); err == nil {
			wrap = append(wrap, "strace", "-f", "-qq", "-o", trace, "-e", "trace=openat,open,creat,mkdirat,mkdir")
		}
		r := v.under(wrap...).run("token")
		_, ok := r.token()
		c.that(ok && !contains(r.err, "cache"), "umask %s: %v", umask, r)
		err := filepath.WalkDir(v.dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			want := fs.FileMode(0o600)
			if d.IsDir() {
				want = 0o700
			}
			c.that(info.Mode().Perm() == want, "umask %s: %s has mode %v", umask, path, info.Mode())
			return nil
		})
		require.NoError(t, err)
		// Between creation and chmod: the mode in the call itself, which a umask
		// can only make stricter.
		calls, _ := os.ReadFile(trace)
		for line := range strings.Lines(string(calls)) {
			// A call that another thread interrupts is two lines; the first has the mode.
			if strings.Contains(line, "O_CREAT") {
				c.that(strings.Contains(line, ", 0600)") || strings.Contains(line, ", 0600 <unfinished"), "umask %s: %s", umask, line)
			}
			if strings.Contains(line, "mkdir") {
				c.that(strings.Contains(line, ", 0700)") || strings.Contains(line, ", 0700 <unfinished") || strings.Contains(line, "resumed>"), "umask %s: %s", umask, line)
			}
		}
		r = v.run("token")
		_, ok = r.token()
		c.that(ok && r.err == "", "the next run: %v", r)
	}
}

func mount(t *testing.T, options string) string {
	t.Helper()
	needRoot(t)
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a tmpfs: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
	return dir
}

// fill writes until the disk is full.
func fill(t *testing.T, dir string) {
	t.Helper()
	for i := range 3 {
		_ = os.WriteFile(filepath.Join(dir, "filler"+itoa(i)), make([]byte, 1<<20), 0o600)
	}
}

func TestF066AFullDiskCostsAWarning(t *testing.T) {
	t.Parallel()
	c := row(t, "F066", "a disk without room or without inodes")
	w := newWorld(t)
	for name, options := range map[string]string{"no room": "size=64k", "no inodes": "size=1m,nr_inodes=12"} {
		for _, warm := range []bool{false, true} {
			disk := mount(t, options)
			v := w.with("AWF_CRED_CACHE_DIR=" + filepath.Join(disk, "cache"))
			v.dir = filepath.Join(disk, "cache")
			var old string
			if warm {
				old = v.warm()
			}
			if name == "no room" {
				fill(t, disk)
			} else {
				for i := range 20 {
					_ = os.WriteFile(filepath.Join(disk, "i"+itoa(i)), nil, 0o600)
				}
			}
			r := v.run("token", "--force-refresh")
			_, ok := r.token()
			c.that(ok && contains(r.err, "level=WARN"), "%s, warm %v: %v", name, warm, r)
			c.that(len(v.temps()) == 0, "%s: left %v", name, v.temps())
			r = v.run("token")
			token, ok := r.token()
			c.that(ok && (!warm || token == old), "%s, warm %v, the next run: %v", name, warm, r)
		}
	}
	c.that(w.replays() == 0, "%d replays", w.replays())
}

func TestF067AReadOnlyDiskCostsAWarning(t *testing.T) {
	t.Parallel()
	c := row(t, "F067", "a read-only disk: a hit says nothing, a new token is not stored")
	disk := mount(t, "size=1m")
	w := newWorld(t)
	v := w.with("AWF_CRED_CACHE_DIR=" + filepath.Join(disk, "cache"))
	v.dir = filepath.Join(disk, "cache")
	old := v.warm()
	out, err := exec.Command("mount", "-o", "remount,ro", disk).CombinedOutput()
	require.NoError(t, err, "%s", out)
	r := v.run("token")
	token, ok := r.token()
	c.that(ok && token == old && r.err == "", "a hit: %v", r)
	r = v.run("token", "--force-refresh")
	token, ok = r.token()
	c.that(ok && token != old && contains(r.err, "level=WARN"), "%v", r)
	r = v.with("AWF_CRED_CACHE_DIR=" + filepath.Join(disk, "other")).run("token")
	_, ok = r.token()
	c.that(ok && contains(r.err, "read-only"), "a new directory: %v", r)
}

func TestF011AsPidOne(t *testing.T) {
	t.Parallel()
	if out, err := exec.Command("unshare", "--pid", "--fork", "true").CombinedOutput(); err != nil {
		t.Skipf("no pid namespaces: %v %s", err, out)
	}
	c := row(t, "F011", "as pid 1, among others that are not: one exchange")
	w := newWorld(t)
	list := w.under("unshare", "--pid", "--fork").storm(5, "token")
	agree(c, append(list, w.storm(5, "token")...))
	c.counts(w, 1, 1, 0)
}

func TestF059ADeadIPv6Address(t *testing.T) {
	t.Parallel()
	needRoot(t)
	if out, err := exec.Command("unshare", "--mount", "true").CombinedOutput(); err != nil {
		t.Skipf("no mount namespaces: %v %s", err, out)
	}
	c := row(t, "F059", "a name with a dead IPv6 and a live IPv4 address: a second more at most")
	w := newWorld(t, sandbox.WithTLS(), sandbox.With(func(cfg *sandbox.Config) { cfg.Certificate.Names = []string{"vendor.test", "127.0.0.1"} }))
	hosts := filepath.Join(w.home, "hosts")
	write(t, hosts, "2001:db8::1 vendor.test\n127.0.0.1 vendor.test localhost\n", 0o644)
	_, port, err := net.SplitHostPort(w.sb.Address(sandbox.HostAnthropic))
	require.NoError(t, err)
	v := w.with("AWF_CRED_CA_FILE="+w.sb.CAFile(), "AWF_AUTH_ANTHROPIC_TOKEN_URL=https://vendor.test:"+port+"/v1/oauth/token").
		under("unshare", "--mount", "sh", "-c", `mount --bind "$1" /etc/hosts && shift && exec "$@"`, "sh", hosts)
	r := v.run("token")
	_, ok := r.token()
	c.that(ok && r.took < 3*time.Second, "%v", r)
}

func TestF067WithoutRoot(t *testing.T) {
	t.Parallel()
	needRoot(t)
	need(t, "setpriv")
	c := row(t, "F067, F011", "as another user, without an entry in passwd")
	w := newWorld(t)
	base, err := os.MkdirTemp("/tmp", "awf-chaos-uid")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	require.NoError(t, os.Chmod(base, 0o755))
	home := filepath.Join(base, "home")
	require.NoError(t, mkdir(home, 0o700))
	require.NoError(t, os.Chown(home, 4242, 4242))
	v := w.with("HOME="+home, "TMPDIR="+home, "AWF_CRED_CACHE_DIR").under("setpriv", "--reuid=4242", "--regid=4242", "--clear-groups")
	cmd := v.command("token")
	cmd.Dir = "/"
	r := v.runCmd(cmd)
	first, ok := r.token()
	c.that(ok, "%v", r)
	cmd = v.command("token")
	cmd.Dir = "/"
	r = v.runCmd(cmd)
	again, ok := r.token()
	c.that(ok && again == first && r.err == "", "the next run: %v", r)
	cmd = v.with("AWF_CRED_CACHE_DIR=" + filepath.Join(base, "denied")).command("token")
	cmd.Dir = "/"
	r = v.runCmd(cmd)
	_, ok = r.token()
	c.that(ok && contains(r.err, "permission denied"), "a directory that cannot be made: %v", r)
}

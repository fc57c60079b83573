//go:build unix

package cache_test

import (
	"context"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/cache"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

const nobody = 65534

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to give files away")
	}
}

func TestAnUnsafeDirectoryIsRefusedWithTheCommandThatMendsIt(t *testing.T) {
	t.Parallel()
	mk := func(t *testing.T, path string, mode fs.FileMode) {
		require.NoError(t, os.Mkdir(path, 0o700))
		require.NoError(t, os.Chmod(path, mode))
	}
	for _, row := range []struct {
		name  string
		root  bool
		make  func(t *testing.T, path string)
		wants []string
	}{
		{"F064: open to all", false, func(t *testing.T, p string) { mk(t, p, 0o755) }, []string{"mode 0755", "owner uid", "chmod 700 "}},
		{"F064: open to the group", false, func(t *testing.T, p string) { mk(t, p, 0o770) }, []string{"mode 0770", "chmod 700 "}},
		{"F064: another user's", true, func(t *testing.T, p string) {
			mk(t, p, 0o700)
			require.NoError(t, os.Chown(p, nobody, nobody))
		}, []string{"another user's", "owner uid 65534", "mode 0700"}},
		{"F065: a link", false, func(t *testing.T, p string) {
			mk(t, p+".target", 0o700)
			require.NoError(t, os.Symlink(p+".target", p))
		}, []string{"a symbolic link"}},
		{"F065: a dangling link", false, func(t *testing.T, p string) { require.NoError(t, os.Symlink(p+".target", p)) }, []string{"a symbolic link"}},
		{"F065: a link to itself", false, func(t *testing.T, p string) { require.NoError(t, os.Symlink(p, p)) }, []string{"a symbolic link"}},
		{"a file in its place", false, func(t *testing.T, p string) { require.NoError(t, os.WriteFile(p, nil, 0o600)) }, []string{"not a directory"}},
		{"a FIFO in its place", false, func(t *testing.T, p string) { require.NoError(t, syscall.Mkfifo(p, 0o600)) }, []string{"not a directory"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if row.root {
				needRoot(t)
			}
			path := filepath.Join(t.TempDir(), "cache")
			row.make(t, path)
			d, err := cache.Open(cache.Options{Dir: path, Clock: newClock()})
			require.ErrorIs(t, err, exchange.Storage)
			assert.Nil(t, d)
			assert.Contains(t, err.Error(), path)
			for _, want := range row.wants {
				assert.Contains(t, err.Error(), want)
			}
			assert.NoDirExists(t, path+".target/"+key, "nothing is made behind a link")
		})
	}
}

func TestAncestorsBelongToRootOrUs(t *testing.T) {
	t.Parallel()
	clock := newClock()
	t.Run("a linked home works", func(t *testing.T) {
		t.Parallel()
		base := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(base, "real/home"), 0o700))
		require.NoError(t, os.Symlink("real/../real/home", filepath.Join(base, "home")))
		d := open(t, clock, filepath.Join(base, "home", ".cache", "awf-cred"))
		assert.Equal(t, filepath.Join(base, "real/home/.cache/awf-cred"), d.Path())
	})
	t.Run("F007: no more directories are made than may be", func(t *testing.T) {
		t.Parallel()
		base := t.TempDir()
		_, err := cache.Open(cache.Options{Dir: filepath.Join(base, "home", ".cache", "awf-cred"), Clock: clock, MayMake: 2})
		require.ErrorIs(t, err, fs.ErrNotExist)
		assert.NoDirExists(t, filepath.Join(base, "home"))
		_, err = cache.Open(cache.Options{Dir: filepath.Join(base, ".cache", "awf-cred"), Clock: clock, MayMake: 2})
		require.NoError(t, err)
	})
	t.Run("F065: another user's", func(t *testing.T) {
		t.Parallel()
		needRoot(t)
		base := filepath.Join(t.TempDir(), "theirs")
		require.NoError(t, os.Mkdir(base, 0o755))
		require.NoError(t, os.Mkdir(filepath.Join(base, "cache"), 0o700))
		require.NoError(t, os.Chown(base, nobody, nobody))
		_, err := cache.Open(cache.Options{Dir: filepath.Join(base, "cache"), Clock: clock})
		require.ErrorIs(t, err, cache.ErrUnsafe)
		assert.Contains(t, err.Error(), base+" is not safe to use: another user's")
	})
	t.Run("a folder that its owner lends", func(t *testing.T) {
		t.Parallel()
		needRoot(t)
		base := filepath.Join(t.TempDir(), "theirs")
		require.NoError(t, os.Mkdir(base, 0o755))
		require.NoError(t, os.Chown(base, nobody, nobody))
		o := cache.Options{Dir: filepath.Join(base, "deeper", "cache"), Clock: clock, Lender: nobody}
		_, err := cache.Open(o)
		require.NoError(t, err)
		info, err := os.Stat(o.Dir)
		require.NoError(t, err)
		assert.Equal(t, fs.ModeDir|0o700, info.Mode())

		// It is the directory that must be ours, whatever its owner puts in its place.
		require.NoError(t, os.Rename(o.Dir, o.Dir+".away"))
		require.NoError(t, os.Symlink("cache.away", o.Dir))
		_, err = cache.Open(o)
		require.ErrorIs(t, err, cache.ErrUnsafe)
		require.NoError(t, os.Remove(o.Dir))
		require.NoError(t, os.Mkdir(o.Dir, 0o700))
		require.NoError(t, os.Chown(o.Dir, nobody, nobody))
		_, err = cache.Open(o)
		require.ErrorIs(t, err, cache.ErrUnsafe)

		// Nobody else may own what leads to it.
		require.NoError(t, os.Chown(filepath.Join(base, "deeper"), nobody-1, nobody))
		_, err = cache.Open(o)
		require.ErrorIs(t, err, cache.ErrUnsafe)
	})
	t.Run("F065: a link of another user", func(t *testing.T) {
		t.Parallel()
		needRoot(t)
		base := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(base, "real"), 0o700))
		require.NoError(t, os.Symlink("real", filepath.Join(base, "link")))
		require.NoError(t, os.Lchown(filepath.Join(base, "link"), nobody, nobody))
		_, err := cache.Open(cache.Options{Dir: filepath.Join(base, "link", "cache"), Clock: clock})
		require.ErrorIs(t, err, cache.ErrUnsafe)
	})
	t.Run("a loop of links above it", func(t *testing.T) {
		t.Parallel()
		base := t.TempDir()
		require.NoError(t, os.Symlink("b", filepath.Join(base, "a")))
		require.NoError(t, os.Symlink("a", filepath.Join(base, "b")))
		_, err := cache.Open(cache.Options{Dir: filepath.Join(base, "a", "cache"), Clock: clock})
		require.ErrorIs(t, err, syscall.ELOOP)
	})
}

func TestAnUnsafeEntryIsAnErrorAndStaysAsItIs(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		root bool
		do   func(t *testing.T, entry string)
		want string
	}{
		{"F064: readable by all", false, func(t *testing.T, e string) { require.NoError(t, os.Chmod(e, 0o644)) }, "chmod 600 "},
		{"F064: another user's", true, func(t *testing.T, e string) { require.NoError(t, os.Chown(e, nobody, -1)) }, "another user's"},
		{"F065: a link", false, func(t *testing.T, e string) {
			require.NoError(t, os.Rename(e, e+".target"))
			require.NoError(t, os.Symlink(e+".target", e))
		}, "a symbolic link"},
		{"F065: a dangling link", false, func(t *testing.T, e string) {
			require.NoError(t, os.Remove(e))
			require.NoError(t, os.Symlink(e+".target", e))
		}, "a symbolic link"},
		{"F065: a second name", false, func(t *testing.T, e string) { require.NoError(t, os.Link(e, e+".2")) }, "second name"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if row.root {
				needRoot(t)
			}
			clock := newClock()
			d := open(t, clock, filepath.Join(t.TempDir(), "c"))
			s := d.Files(label())
			put(t, s, key, bearer(clock, "old", time.Hour))
			row.do(t, entryPath(d))
			before, _ := os.ReadFile(entryPath(d))

			_, ok, err := s.Get(context.Background(), key)
			require.ErrorIs(t, err, cache.ErrUnsafe)
			assert.False(t, ok)
			assert.Contains(t, err.Error(), entryPath(d))
			assert.Contains(t, err.Error(), row.want)
			require.ErrorIs(t, s.Put(context.Background(), key, bearer(clock, "new", time.Hour)), cache.ErrUnsafe)
			after, _ := os.ReadFile(entryPath(d))
			assert.Equal(t, before, after, "never written through")
			assert.NoFileExists(t, entryPath(d)+".target.2")
			_, err = d.List(context.Background())
			require.ErrorIs(t, err, exchange.Storage)
		})
	}
}

func TestWhatIsNoFileNeitherBlocksNorStays(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		root  bool
		make  func(t *testing.T, entry string)
		stays bool
	}{
		{"F062: a FIFO", false, func(t *testing.T, e string) { require.NoError(t, syscall.Mkfifo(e, 0o600)) }, false},
		{"F062: a socket", false, func(t *testing.T, e string) {
			dir := filepath.Dir(e)
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
			require.NoError(t, err)
			l.SetUnlinkOnClose(false)
			require.NoError(t, l.Close())
			require.NoError(t, os.Rename(filepath.Join(dir, "s"), e))
		}, false},
		{"F062: a device", true, func(t *testing.T, e string) {
			if err := syscall.Mknod(e, syscall.S_IFCHR|0o600, 1<<8|5); err != nil {
				t.Skip("no right to make devices:", err)
			}
		}, false},
		{"F062: 100 MiB", false, func(t *testing.T, e string) {
			require.NoError(t, os.WriteFile(e, nil, 0o600))
			require.NoError(t, os.Truncate(e, 100<<20))
		}, false},
		{"F062: a directory", false, func(t *testing.T, e string) { require.NoError(t, os.Mkdir(e, 0o700)) }, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if row.root {
				needRoot(t)
			}
			clock := newClock()
			d := open(t, clock, filepath.Join(t.TempDir(), "c"))
			s := d.Files(label())
			row.make(t, entryPath(d))
			_, ok := get(t, s, key)
			assert.False(t, ok)
			err := s.Put(context.Background(), key, bearer(clock, "t", time.Hour))
			if row.stays {
				require.ErrorIs(t, err, exchange.Storage)
				return
			}
			require.NoError(t, err)
			_, ok = get(t, s, key)
			assert.True(t, ok)
		})
	}
}

// The umask belongs to a process, so this runs in one of its own.
func TestModesDoNotDependOnTheUmask(t *testing.T) {
	t.Parallel()
	for _, umask := range []string{"000", "022", "777"} {
		path := filepath.Join(t.TempDir(), "parent", "cache")
		out, err := helper(t, "sh", "-c", "umask "+umask+`; exec "$0" "$@"`, os.Args[0], "put", path, "token").CombinedOutput()
		require.NoError(t, err, "%s", out)
		for name, want := range map[string]fs.FileMode{
			path: 0o700, filepath.Join(path, "ledger"): 0o700, filepath.Join(path, key+".json"): 0o600,
			filepath.Dir(path): 0o700,
		} {
			info, err := os.Lstat(name)
			require.NoError(t, err, "umask %s", umask)
			assert.Equal(t, want, info.Mode().Perm(), "T13, F011: %s under umask %s", name, umask)
		}
	}
}

func TestWithoutRootAnotherUsersDirectoryIsOutOfReach(t *testing.T) {
	t.Parallel()
	needRoot(t)
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("needs setpriv to run as another user")
	}
	base, err := os.MkdirTemp("/tmp", "awf-cred-cache")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	require.NoError(t, os.Chmod(base, 0o755))
	bin := filepath.Join(base, "test")
	data, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(bin, data, 0o755))
	as := func(path string) string {
		out, _ := helper(t, setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", bin, "put", path, "token").CombinedOutput()
		return string(out)
	}
	assert.Contains(t, as(filepath.Join(base, "cache")), "permission denied")
	require.NoError(t, os.Chmod(base, 0o777|fs.ModeSticky))
	assert.Equal(t, "put\n", as(filepath.Join(base, "cache")), "F011: no passwd entry, no home")
	require.NoError(t, os.Mkdir(filepath.Join(base, "roots"), 0o700))
	got := as(filepath.Join(base, "roots"))
	assert.True(t, strings.Contains(got, "another user's") && strings.Contains(got, "owner uid 0"), got)
}

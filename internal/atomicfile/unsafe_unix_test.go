//go:build unix

package atomicfile_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
)

// T12: what another user may have put in the place of a file, and a write to it.
func TestNothingIsWrittenThroughWhatIsInItsPlace(t *testing.T) {
	t.Parallel()
	target := func(p string) string { return p + ".target" }
	for name, put := range map[string]func(p string) error{
		"a link": func(p string) error {
			return errors.Join(os.WriteFile(target(p), []byte("old"), 0o600), os.Symlink(target(p), p))
		},
		"a dangling link": func(p string) error { return os.Symlink(target(p), p) },
		"a second name": func(p string) error {
			return errors.Join(os.WriteFile(target(p), []byte("old"), 0o600), os.Link(target(p), p))
		},
		"a FIFO":      func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"a directory": func(p string) error { return os.Mkdir(p, 0o700) },
		"another user's": func(p string) error {
			if os.Geteuid() != 0 {
				return os.Symlink("needs-root", p)
			}
			return errors.Join(os.WriteFile(p, []byte("old"), 0o600), os.Chown(p, 65534, -1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "f")
			require.NoError(t, put(path))
			before, err := os.Lstat(path)
			require.NoError(t, err)
			for what, err := range map[string]error{
				"write":  atomicfile.Write(path, []byte("new")),
				"append": atomicfile.Append(path, []byte("new")),
			} {
				if what == "append" && name == "another user's" {
					continue // root may, where the directory says so
				}
				require.Error(t, err, what)
				assert.True(t, errors.Is(err, atomicfile.ErrUnsafe) || errors.Is(err, atomicfile.ErrNotRegular), "%s: %v", what, err)
				assert.Contains(t, err.Error(), path)
			}
			_, err = atomicfile.Read(path, 100)
			require.Error(t, err)
			after, err := os.Lstat(path)
			require.NoError(t, err)
			assert.True(t, os.SameFile(before, after), "it is still there")
			if data, err := os.ReadFile(target(path)); err == nil {
				assert.Equal(t, "old", string(data))
			}
		})
	}
}

func TestAFileOfAnotherUserIsAppendedToOnlyWhereItsDirectoryIsTheirsToo(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root to give files away")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "env")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	require.NoError(t, os.Chown(path, 65534, -1))
	require.ErrorIs(t, atomicfile.Append(path, []byte("x\n")), atomicfile.ErrUnsafe)
	require.NoError(t, os.Chown(dir, 65534, -1))
	require.NoError(t, atomicfile.Append(path, []byte("x\n")), "a container job: the runner's files")
}

func TestAFullDiskLeavesTheFileAsItWas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mount(t, dir, "size=64k")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "env"), []byte("A=1\n"), 0o644))
	require.NoError(t, atomicfile.Write(filepath.Join(dir, "sink"), []byte("old")))
	filler := filepath.Join(dir, "filler")
	big := make([]byte, 1<<20)
	require.ErrorIs(t, os.WriteFile(filler, big, 0o600), unix.ENOSPC)
	require.NoError(t, os.Truncate(filler, 1))
	require.ErrorIs(t, os.WriteFile(filler, big, 0o600), unix.ENOSPC)

	err := atomicfile.Append(filepath.Join(dir, "env"), []byte(strings.Repeat("x", 8192)))
	require.ErrorIs(t, err, unix.ENOSPC, "F010")
	data, err := os.ReadFile(filepath.Join(dir, "env"))
	require.NoError(t, err)
	assert.Equal(t, "A=1\n", string(data))

	err = atomicfile.Write(filepath.Join(dir, "sink"), []byte(strings.Repeat("x", 8192)))
	require.ErrorIs(t, err, unix.ENOSPC, "F066")
	data, err = os.ReadFile(filepath.Join(dir, "sink"))
	require.NoError(t, err)
	assert.Equal(t, "old", string(data))
	assert.ElementsMatch(t, []string{"env", "sink", "filler"}, names(t, dir))
}

func mount(t *testing.T, dir, options string) {
	t.Helper()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a tmpfs: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
}

func TestAPathStaysOnItsLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a\n::set-env name=x::\x1b[2J\xff")
	require.NoError(t, os.Mkdir(path, 0o755))
	_, err := atomicfile.OpenDir(path)
	require.ErrorIs(t, err, atomicfile.ErrUnsafe)
	assert.NotContains(t, err.Error(), "\n")
	assert.NotContains(t, err.Error(), "\x1b")
	assert.Contains(t, err.Error(), `\n::set-env`)

	spaced := filepath.Join(t.TempDir(), "it's here")
	require.NoError(t, os.Mkdir(spaced, 0o755))
	_, err = atomicfile.OpenDir(spaced)
	var e *atomicfile.Error
	require.ErrorAs(t, err, &e)
	require.NoError(t, exec.Command("sh", "-c", e.Mend).Run(), e.Mend)
	d, err := atomicfile.OpenDir(spaced)
	require.NoError(t, err, "the command in the message mends it")
	d.Close()
}

func TestADirectoryTooStrictForUsIsMended(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "d")
	require.NoError(t, os.Mkdir(path, 0o700))
	require.NoError(t, os.Chmod(path, 0))
	d, err := atomicfile.MakeDir(path, 0)
	require.NoError(t, err)
	d.Close()
	info, err := os.Stat(path)
	require.NoError(t, err)
	if os.Geteuid() != 0 {
		assert.Equal(t, "-rwx------", fmt.Sprint(info.Mode())[:10])
	}
}

func TestAFIFODoesNotBlock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, err := atomicfile.ReadBounded(path, 10)
	require.ErrorIs(t, err, atomicfile.ErrNotRegular)
	_, err = atomicfile.ReadBounded("/dev/zero", 10)
	require.ErrorIs(t, err, atomicfile.ErrNotRegular)
	data, err := atomicfile.ReadBounded("/proc/self/cmdline", 1<<16)
	require.NoError(t, err, "a file without a size is read to its end")
	assert.NotEmpty(t, data)
}

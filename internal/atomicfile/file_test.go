package atomicfile_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestWriteReplacesAFileWholeAndPrivately(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, data := range []string{"first", "", "a longer second"} {
		require.NoError(t, atomicfile.Write(path, []byte(data)))
		got, err := atomicfile.Read(path, 100)
		require.NoError(t, err)
		assert.Equal(t, data, string(got))
	}
	assert.Equal(t, []string{"f"}, names(t, dir), "no temporary file is left")
}

func TestAReaderNeverSeesHalfAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	old, fresh := bytes.Repeat([]byte("o"), 20_000), bytes.Repeat([]byte("f"), 30_000)
	require.NoError(t, atomicfile.Write(path, old))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got, err := atomicfile.Read(path, 1<<20)
				if !assert.NoError(t, err) || !assert.True(t, bytes.Equal(got, old) || bytes.Equal(got, fresh), "%d bytes", len(got)) {
					return
				}
			}
		})
	}
	for i := range 300 {
		data := old
		if i%2 == 0 {
			data = fresh
		}
		require.NoError(t, atomicfile.Write(path, data))
	}
	close(stop)
	wg.Wait()
}

func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, atomicfile.Write(path, make([]byte, 11)))
	for _, read := range []func(string, int64) ([]byte, error){atomicfile.Read, atomicfile.ReadBounded} {
		_, err := read(path, 10)
		require.ErrorIs(t, err, atomicfile.ErrTooLarge)
		data, err := read(path, 11)
		require.NoError(t, err)
		assert.Len(t, data, 11)
		_, err = read(path+"x", 10)
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = read(filepath.Dir(path), 10)
		require.ErrorIs(t, err, atomicfile.ErrNotRegular)
	}
}

func TestAppendStartsOnALineOfItsOwn(t *testing.T) {
	t.Parallel()
	for before, want := range map[string]string{
		"": "B=2\n", "A=1\n": "A=1\nB=2\n", "A=1": "A=1\nB=2\n",
	} {
		path := filepath.Join(t.TempDir(), "env")
		require.NoError(t, os.WriteFile(path, []byte(before), 0o644))
		require.NoError(t, atomicfile.Append(path, []byte("B=2\n")))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
	missing := filepath.Join(t.TempDir(), "env")
	require.ErrorIs(t, atomicfile.Append(missing, []byte("x")), fs.ErrNotExist, "F010: it is the runner who makes it")
	assert.NoFileExists(t, missing)
	require.Error(t, atomicfile.Append(filepath.Dir(missing), []byte("x")))
}

func TestRemoveIfSparesANewerFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "d")
	d, err := atomicfile.MakeDir(path, 0)
	require.NoError(t, err)
	defer d.Close()
	require.NoError(t, d.Write("f", []byte("old")))
	_, info, err := d.ReadInfo("f", 10)
	require.NoError(t, err)
	require.NoError(t, d.Write("f", []byte("newer")))
	require.NoError(t, d.RemoveIf("f", info))
	got, err := d.Read("f", 10)
	require.NoError(t, err)
	assert.Equal(t, "newer", string(got))

	_, info, err = d.ReadInfo("f", 10)
	require.NoError(t, err)
	require.NoError(t, d.RemoveIf("f", info))
	assert.Empty(t, names(t, path))
}

func TestCreateIsForOne(t *testing.T) {
	t.Parallel()
	d, err := atomicfile.MakeDir(filepath.Join(t.TempDir(), "d"), 0)
	require.NoError(t, err)
	defer d.Close()
	require.NoError(t, d.Create("mark", []byte("x")))
	require.ErrorIs(t, d.Create("mark", []byte("y")), fs.ErrExist)
	require.NoError(t, d.Remove("mark"))
	require.NoError(t, d.Remove("mark"), "an absent one is no error")
	require.NoError(t, d.Create("mark", nil))
}

func TestSweepTakesTheFilesOfDeadWritersOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "d")
	d, err := atomicfile.MakeDir(path, 0)
	require.NoError(t, err)
	defer d.Close()
	for _, name := range []string{".f.ABCDEFGHIJKL.tmp", ".tmp", "f.tmp", ".hidden", "f"} {
		require.NoError(t, os.WriteFile(filepath.Join(path, name), nil, 0o600))
	}
	require.NoError(t, d.Sweep(time.Now()))
	assert.ElementsMatch(t, []string{"f.tmp", ".hidden", "f"}, names(t, path))
}

func TestAWriterSweepsOnlyItsOwnLeftoversInADirectoryOfOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{".f.ABCDEFGHIJKL.tmp", ".g.ABCDEFGHIJKL.tmp", ".f.short.tmp"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	require.NoError(t, atomicfile.Write(filepath.Join(dir, "f"), nil))
	assert.ElementsMatch(t, []string{"f", ".g.ABCDEFGHIJKL.tmp", ".f.short.tmp"}, names(t, dir))
}

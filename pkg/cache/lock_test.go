package cache_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/clock"
	"github.com/awf-cred/awf-cred/pkg/cache"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

func lockPath(d *cache.Directory) string { return filepath.Join(d.Path(), key+".lock") }

// holding starts a process that holds the lock until the pipe is closed.
func holding(t *testing.T, d *cache.Directory) (cmd *exec.Cmd, release io.Closer) {
	t.Helper()
	cmd = self(t, "hold", d.Path())
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, fmt.Sprintf("held %d", cmd.Process.Pid))
	return cmd, in
}

func realDir(t *testing.T) *cache.Directory {
	t.Helper()
	d, err := cache.Open(cache.Options{Dir: filepath.Join(t.TempDir(), "c"), Clock: clock.System{}})
	require.NoError(t, err)
	return d
}

func lock(t *testing.T, l *cache.Locker) (unlock func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	unlock, err := l.Lock(ctx, key)
	require.NoError(t, err)
	return unlock
}

func TestOneHolderAtATimeInAProcess(t *testing.T) {
	t.Parallel()
	d := realDir(t)
	shared := d.Locker()
	var inside, most atomic.Int32
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			l := shared
			if i%2 == 0 {
				l = d.Locker() // a second one of the same directory
			}
			unlock := lock(t, l)
			most.Store(max(most.Load(), inside.Add(1)))
			inside.Add(-1)
			unlock()
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, most.Load())
}

func TestKeysDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	l := realDir(t).Locker()
	unlock := lock(t, l)
	defer unlock()
	other, err := l.Lock(context.Background(), cache.Key("other"))
	require.NoError(t, err)
	other()
}

func TestAWaiterThatGivesUpNamesTheHolder(t *testing.T) {
	t.Parallel()
	d := realDir(t)
	cmd, release := holding(t, d)
	l := d.Locker()
	for range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		_, err := l.Lock(ctx, key)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var held *cache.LockError
		require.ErrorAs(t, err, &held, "F085")
		assert.Equal(t, cmd.Process.Pid, held.PID)
		assert.Less(t, held.Held, time.Hour)
		assert.Contains(t, err.Error(), fmt.Sprint("process ", cmd.Process.Pid))
	}
	require.NoError(t, release.Close())
	lock(t, l)()
	require.NoError(t, cmd.Wait())
}

func TestALockThatComesTooLateIsGivenBack(t *testing.T) {
	t.Parallel()
	d := realDir(t)
	cmd, release := holding(t, d)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	_, err := d.Locker().Lock(ctx, key)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, release.Close())
	require.NoError(t, cmd.Wait())
	lock(t, d.Locker())() // would hang if the abandoned call had kept it
}

func TestAHolderThatIsKilledIsFollowedAtOnce(t *testing.T) {
	t.Parallel()
	d := realDir(t)
	cmd, _ := holding(t, d)
	got := make(chan struct{})
	go func() { lock(t, d.Locker())(); close(got) }()
	require.NoError(t, cmd.Process.Kill())
	killed := time.Now()
	<-got
	assert.Less(t, time.Since(killed), 10*time.Second, "F081 wants 1 s; a loaded test machine gets more")
}

func TestALockFileThatIsTamperedWithWhileHeldDoesNoHarm(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		do   func(t *testing.T, path string)
		free bool // a newcomer gets a lock of its own
	}{
		{"F087: removed", func(t *testing.T, p string) { require.NoError(t, os.Remove(p)) }, true},
		{"F087: replaced", func(t *testing.T, p string) {
			require.NoError(t, os.WriteFile(p+".new", []byte("x"), 0o600))
			require.NoError(t, os.Rename(p+".new", p))
		}, true},
		{"F087: chmod 000", func(t *testing.T, p string) { require.NoError(t, os.Chmod(p, 0)) }, false},
		{"F087: full of bytes", func(t *testing.T, p string) {
			require.NoError(t, os.WriteFile(p, bytes.Repeat([]byte("garbage\n"), 1<<17), 0o600))
		}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			d := realDir(t)
			_, release := holding(t, d)
			row.do(t, lockPath(d))
			if row.free {
				lock(t, d.Locker())()
				return
			}
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
			defer cancel()
			_, err := d.Locker().Lock(ctx, key)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NoError(t, release.Close())
			lock(t, d.Locker())()
		})
	}
}

func TestAWaiterWhoseFileWasRemovedAsksAgain(t *testing.T) {
	t.Parallel()
	d := realDir(t)
	_, release := holding(t, d)
	waiting := make(chan func())
	go func() { waiting <- lock(t, d.Locker()) }()
	require.Eventually(t, func() bool { return waits(d) }, 20*time.Second, 5*time.Millisecond)
	require.NoError(t, os.Remove(lockPath(d)))
	second, err := cache.Open(cache.Options{Dir: d.Path(), Clock: clock.System{}})
	require.NoError(t, err)
	unlock := lock(t, second.Locker()) // of the new file
	require.NoError(t, release.Close())
	select {
	case <-waiting:
		t.Fatal("it took the lock of a file that has no name any more")
	case <-time.After(100 * time.Millisecond):
	}
	unlock()
	(<-waiting)()
}

// waits reports whether the kernel knows a waiter for the lock file.
func waits(d *cache.Directory) bool {
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return true // no such file here: the test is then weaker
	}
	inode := inodeOf(lockPath(d))
	for line := range strings.Lines(string(locks)) {
		if strings.Contains(line, "-> FLOCK") && strings.Contains(line, inode) {
			return true
		}
	}
	return false
}

func TestALockFileThatIsNoFileOfOursIsRefused(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(path string) error{
		"a link":        func(p string) error { return os.Symlink(p+".target", p) },
		"a directory":   func(p string) error { return os.Mkdir(p, 0o700) },
		"a second name": func(p string) error { _ = os.WriteFile(p+".2", nil, 0o600); return os.Link(p+".2", p) },
	} {
		t.Run("T12: "+name, func(t *testing.T) {
			t.Parallel()
			d := realDir(t)
			require.NoError(t, make(lockPath(d)))
			_, err := d.Locker().Lock(context.Background(), key)
			require.Error(t, err)
			assert.NotErrorIs(t, err, exchange.Storage, "the caller goes on without")
			assert.Contains(t, err.Error(), lockPath(d))
			assert.NoFileExists(t, lockPath(d)+".target")
		})
	}
}

func TestAStormOfProcessesMakesOneExchange(t *testing.T) {
	t.Parallel()
	const processes = 60
	d := realDir(t)
	_, release := holding(t, d) // so that all of them meet at the lock
	outs := make([]bytes.Buffer, processes)
	cmds := make([]*exec.Cmd, processes)
	for i := range cmds {
		cmds[i] = self(t, "storm", d.Path(), fmt.Sprint("token-", i))
		cmds[i].Stdout = &outs[i]
		require.NoError(t, cmds[i].Start())
	}
	require.NoError(t, release.Close())
	exchanged, tokens := 0, map[string]bool{}
	for i, cmd := range cmds {
		require.NoError(t, cmd.Wait(), outs[i].String())
		how, token, _ := strings.Cut(strings.TrimSpace(outs[i].String()), " ")
		if how == "exchanged" {
			exchanged++
		}
		tokens[token] = true
	}
	assert.Equal(t, 1, exchanged, "F080")
	assert.Len(t, tokens, 1)
}

func TestAChildDoesNotInheritTheLock(t *testing.T) {
	t.Parallel()
	d := realDir(t)
	unlock := lock(t, d.Locker())
	child := exec.Command("sleep", "60")
	require.NoError(t, child.Start())
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	unlock()
	lock(t, d.Locker())()
}

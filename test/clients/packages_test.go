//go:build unix

package clients

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// slow are the groups that only AWF_CLIENTS=all installs.
var slow = map[string]bool{"codex": true, "kubernetes": true}

// installBound is how long one group may take to install.
const installBound = 10 * time.Minute

// want skips a test that was not asked for.
func want(t *testing.T, level string) {
	t.Helper()
	switch {
	case asked == "":
		t.Skip("real clients run with AWF_CLIENTS=ci or AWF_CLIENTS=all: they are installed from npm first")
	case level == "all" && asked != "all":
		t.Skip("runs with AWF_CLIENTS=all")
	}
}

// program finds a program of the system, or skips the test.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed on this machine", name)
	}
	return path
}

// group is a set of npm packages that is installed by itself.
type group struct{ dir string }

// npm installs a group if need be.
func npm(t *testing.T, name string) group {
	t.Helper()
	level := "ci"
	if slow[name] {
		level = "all"
	}
	want(t, level)
	if why := oldNode(); why != "" {
		t.Skip(why)
	}
	dir, err := groups.install(name)
	require.NoError(t, err)
	return group{dir}
}

// oldNode says why the packages cannot run here; empty when they can.
var oldNode = sync.OnceValue(func() string {
	out, err := exec.Command("node", "--version").Output()
	if err != nil {
		return "node is not installed on this machine: the packages need version 20 or later"
	}
	version := strings.TrimSpace(string(out))
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < 20 {
		return "node is " + version + ": the packages need version 20 or later"
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return "npm is not installed on this machine"
	}
	return ""
})

// bin is the directory of the programs that a group brings.
func (g group) bin() string { return filepath.Join(g.dir, "node_modules", ".bin") }

// script puts our scripts where their imports resolve to the group's packages, and
// returns the path of one.
func (g group) script(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp(g.dir, "script-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.CopyFS(dir, os.DirFS("js")))
	return filepath.Join(dir, name)
}

// groups are those of this run.
var groups installer

// installer installs each group once, also when several runs share the cache.
type installer struct {
	mu   sync.Mutex
	done map[string]error
}

func (i *installer) install(name string) (string, error) {
	manifest, err := os.ReadFile(filepath.Join("packages", name, "package.json"))
	if err != nil {
		return "", err
	}
	root, err := cacheRoot()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(manifest)
	dir := filepath.Join(root, name+"-"+hex.EncodeToString(sum[:6]))
	i.mu.Lock()
	defer i.mu.Unlock()
	err, seen := i.done[name]
	if !seen {
		err = installGroup(dir, manifest)
		if i.done == nil {
			i.done = map[string]error{}
		}
		i.done[name] = err
	}
	return dir, err
}

// cacheRoot is where all groups live.
func cacheRoot() (string, error) {
	if dir := os.Getenv("AWF_CLIENTS_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "awf-cred-clients"), err
}

// installGroup runs npm unless the group is complete already.
func installGroup(dir string, manifest []byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	complete := filepath.Join(dir, ".complete")
	if _, err := os.Stat(complete); err == nil {
		return nil
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), manifest, 0o600); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), installBound)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--no-update-notifier")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install in %s: %w\n%s", dir, err, lastLines(string(out), 20))
	}
	return os.WriteFile(complete, nil, 0o600)
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

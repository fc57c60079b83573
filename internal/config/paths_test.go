package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/config"
)

// F007 and contract: the cache directory by a documented rule, or none.
func TestTheCacheDirectoryFollowsARule(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, goos string
		env        []string
		dir        string
		reason     string
		warnings   int
	}{
		{"the job's folder in Actions", "linux", []string{"GITHUB_ACTIONS=true", "RUNNER_TEMP=/tmp/r", "XDG_CACHE_HOME=/c", "HOME=/h"}, "/tmp/r/awf-cred", "RUNNER_TEMP", 0},
		{"RUNNER_TEMP outside Actions does not count", "linux", []string{"RUNNER_TEMP=/tmp/r", "HOME=/h"}, "/h/.cache/awf-cred", "user's cache", 0},
		{"Actions without RUNNER_TEMP", "linux", []string{"GITHUB_ACTIONS=true", "HOME=/h"}, "/h/.cache/awf-cred", "user's cache", 0},
		{"a relative RUNNER_TEMP", "linux", []string{"GITHUB_ACTIONS=true", "RUNNER_TEMP=r", "HOME=/h"}, "/h/.cache/awf-cred", "user's cache", 1},
		{"XDG_CACHE_HOME", "linux", []string{"XDG_CACHE_HOME=/c/", "HOME=/h"}, "/c/awf-cred", "XDG_CACHE_HOME", 0},
		{"a relative XDG_CACHE_HOME", "linux", []string{"XDG_CACHE_HOME=c", "HOME=/h"}, "/h/.cache/awf-cred", "user's cache", 1},
		{"a relative HOME", "linux", []string{"HOME=h"}, "", "neither XDG_CACHE_HOME nor HOME", 1},
		{"nothing at all", "linux", nil, "", "neither XDG_CACHE_HOME nor HOME", 0},
		{"macOS", "darwin", []string{"HOME=/Users/u"}, "/Users/u/Library/Caches/awf-cred", "user's cache", 0},
		{"macOS with XDG", "darwin", []string{"HOME=/Users/u", "XDG_CACHE_HOME=/c"}, "/c/awf-cred", "XDG_CACHE_HOME", 0},
		{"Windows, whatever the case of the variable", "windows", []string{`LOCALAPPDATA=C:\Users\u\AppData\Local`}, `C:\Users\u\AppData\Local\awf-cred`, "LocalAppData", 0},
		{"Windows in Actions", "windows", []string{"GITHUB_ACTIONS=true", `RUNNER_TEMP=D:\a\_temp`}, `D:\a\_temp\awf-cred`, "RUNNER_TEMP", 0},
		{"Windows without a folder", "windows", []string{`LocalAppData=AppData\Local`}, "", "LocalAppData is not an absolute path", 1},
		{"said by variable", "linux", []string{"AWF_CRED_CACHE_DIR=rel/dir", "HOME=h"}, "rel/dir", "env AWF_CRED_CACHE_DIR", 0},
		{"root in the runner's folder has one of its own", "linux lent", []string{"GITHUB_ACTIONS=true", "RUNNER_TEMP=/tmp/r", "HOME=/h"}, "/tmp/r/awf-cred-root", "RUNNER_TEMP", 0},
		{"outside Actions it is the home", "linux lent", []string{"RUNNER_TEMP=/tmp/r", "HOME=/h"}, "/h/.cache/awf-cred", "user's cache", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			goos, lent := strings.CutSuffix(tt.goos, " lent")
			c, err := config.Load(config.Inputs{Env: tt.env, GOOS: goos, TempLent: lent})
			require.NoError(t, err)
			assert.Equal(t, tt.dir, c.Global.CacheDir)
			assert.Contains(t, c.Global.CacheReason, tt.reason)
			assert.Len(t, c.Warnings, tt.warnings)
		})
	}
}

// T17: the file is found by its name or in the user's folder, never in the
// working directory.
func TestTheConfigFileIsFoundWhereItMayBe(t *testing.T) {
	dir := t.TempDir()
	put := func(path, profile string) string {
		t.Helper()
		path = filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte("profiles: {"+profile+": {}}\n"), 0o600))
		return path
	}
	named, other := put("named.yaml", "named"), put("other.yaml", "other")
	put("xdg/awf-cred/config.yaml", "xdg")
	put("home/.config/awf-cred/config.yaml", "home")
	for _, name := range []string{"awf-cred.yaml", "config.yaml", ".awf-cred.yaml", "awf-cred/config.yaml", ".config/awf-cred/config.yaml", ".env"} {
		put("cwd/"+name, "cwd")
	}
	t.Chdir(filepath.Join(dir, "cwd"))
	home, xdg := "HOME="+filepath.Join(dir, "home"), "XDG_CONFIG_HOME="+filepath.Join(dir, "xdg")
	for _, tt := range []struct {
		name string
		env  []string
		flag string
		want []string
	}{
		{"nothing", nil, "", nil},
		{"a relative HOME does not lead into the working directory", []string{"HOME=."}, "", nil},
		{"a relative XDG_CONFIG_HOME neither", []string{"XDG_CONFIG_HOME=."}, "", nil},
		{"the user's home", []string{home}, "", []string{"home"}},
		{"the user's config folder over home", []string{home, xdg}, "", []string{"xdg"}},
		{"a relative XDG_CONFIG_HOME leaves home", []string{home, "XDG_CONFIG_HOME=."}, "", []string{"home"}},
		{"the variable over the folders", []string{home, xdg, "AWF_CRED_CONFIG=" + named}, "", []string{"named"}},
		{"the flag over the variable", []string{"AWF_CRED_CONFIG=" + named}, other, []string{"other"}},
		{"an empty variable is absent", []string{home, "AWF_CRED_CONFIG="}, "", []string{"home"}},
		{"a home that does not exist", []string{"HOME=/nonexistent"}, "", nil},
		{"a home that is a device", []string{"HOME=/dev/null"}, "", nil},
		{"a home that is too long", []string{"HOME=/" + strings.Repeat("x", 5000)}, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := inputs(tt.env...)
			if tt.flag != "" {
				in = withFlag(in, "config", tt.flag)
			}
			c, err := config.Load(in)
			require.NoError(t, err)
			assert.Equal(t, tt.want, append([]string(nil), c.ProfileNames()...))
			assert.Equal(t, tt.want != nil, c.Global.ConfigFound)
		})
	}
	c, err := config.Load(config.Inputs{Env: []string{`APPDATA=C:\Users\u\AppData\Roaming`, "HOME=/h"}, GOOS: "windows"})
	require.NoError(t, err)
	assert.Equal(t, `C:\Users\u\AppData\Roaming\awf-cred\config.yaml`, c.Global.ConfigPath)
}

func TestADefaultFileThatIsBrokenIsReported(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(home, ".config/awf-cred/config.yaml"), 0o700))
	_, err := config.Load(inputs("HOME=" + home))
	assert.Contains(t, problemsOf(t, err), "it is a directory")
}

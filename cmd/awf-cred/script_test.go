package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// TestMain makes the real main a command of the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"awf-cred": main})
}

// TestScripts runs testdata/script/*.txtar: one topic each, in a clean folder and
// environment, against a sandbox of its own.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sandbox": sandboxCommand,
			"jsonhas": jsonHas,
			"exits":   exitsWith,
			"mode":    modeIs,
		},
		Setup: func(env *testscript.Env) error {
			env.Values[sandboxKey{}] = new(*sandbox.Sandbox)
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("XDG_CACHE_HOME", filepath.Join(home, ".cache"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
			env.Setenv("WORK", env.WorkDir)
			return os.MkdirAll(home, 0o700)
		},
		RequireUniqueNames: true,
	})
}

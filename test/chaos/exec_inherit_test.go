//go:build linux

package chaos

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a program gets from us beside its environment is what it would have got
// without us: descriptors of the caller, limits, mask, directory, and none of ours.
func TestT05TheProgramInheritsTheCallersAlone(t *testing.T) {
	t.Parallel()
	c := row(t, "T05, S09, F157", "descriptors, limits, umask, nice value, signals and directory are the caller's, and none is ours")
	w := newWorld(t)
	file := filepath.Join(w.home, "passed")
	write(t, file, "from the caller", 0o600)
	// Of the size of core files only the hard limit is compared: the soft one is 0,
	// and the program may raise it.
	const look = `while read -r l; do case $l in Sig[BI]*|NoNew*|Seccomp:*) echo $l; esac; done </proc/$$/status; umask; ulimit -Hc; ulimit -n; ulimit -s; nice; pwd; for ((n = 3; n < 200; n++)); do [ -e /proc/$$/fd/$n ] && echo "open $n"; done; cat <&7`
	setup := `umask 027; ulimit -Sn 512; exec 7<"` + file + `"; `
	direct := w.command()
	direct.Path, direct.Args = "/bin/bash", []string{"bash", "-c", setup + `exec bash -c '` + strings.ReplaceAll(look, "'", `'\''`) + `'`}
	if _, err := os.Stat(direct.Path); err != nil {
		t.Skip("no /bin/bash")
	}
	want := w.runCmd(direct)
	require.Equal(t, 0, want.code, "%v", want)
	got := w.under("bash", "-c", setup+`exec "$0" "$@"`).runCmd(w.under("bash", "-c", setup+`exec "$0" "$@"`).shell(look, "--upstream", "http://127.0.0.1:1"))
	c.that(got.code == 0 && got.out == want.out, "want %q, got %v", want.out, got)

	// A program that starts without standard input has none.
	got = w.runCmd(w.under("bash", "-c", `exec "$0" "$@" <&-`).shell(`read x; echo "$?"`, "--upstream", "http://127.0.0.1:1"))
	c.that(got.code == 0 && got.out == "1\n", "%v", got)
}

package cli

import (
	"path/filepath"
	"strings"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
)

// lender is the user whose folder RUNNER_TEMP is, where we are root and that is
// another: the steps of a container job and of a container action run as root, on
// folders of the runner. It started them, gave them the job's request token and
// could read all that they do, so what leads to a directory of ours may be its own.
// 0: nobody is.
func (a *app) lender() int {
	if !strings.EqualFold(a.env("GITHUB_ACTIONS"), "true") || !filepath.IsAbs(a.env("RUNNER_TEMP")) {
		return 0
	}
	return atomicfile.Lender(a.env("RUNNER_TEMP"))
}

// inRunnerTemp reports whether dir lies in RUNNER_TEMP.
func (a *app) inRunnerTemp(dir string) bool {
	path, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	below, err := filepath.Rel(a.env("RUNNER_TEMP"), path)
	return err == nil && filepath.IsLocal(below)
}

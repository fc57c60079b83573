//go:build linux

package chaos

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/awf-cred/awf-cred/test/secretservice"
)

// full says that every row runs in full.
var full = os.Getenv("AWF_CHAOS") == "full"

// much is how often a check is tried: all of it, or a share of it.
func much(all, quick int) int {
	if full {
		return all
	}
	return quick
}

const helperVariable = "AWF_CHAOS_HELPER"

var (
	scratch string // of this run
	binary  string // the product
	// testclock is the product with a wall clock that can be moved.
	testclock = sync.OnceValues(func() (string, error) {
		return build("awf-cred-testclock", "-tags", "testclock")
	})
)

func TestMain(m *testing.M) {
	if args := os.Args[1:]; os.Getenv(helperVariable) == "secretservice" {
		err := secretservice.Run(context.Background(), args[0], secretservice.Behaviour(args[1]), func() { fmt.Println("ready") })
		fmt.Println(err)
		os.Exit(1)
	}
	flag.Parse()
	// Most of a check's time is waiting, so more than one for each core may run.
	if err := flag.Set("test.parallel", "10"); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "awf-chaos"); err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	// Other users run the binary too.
	if err := os.Chmod(scratch, 0o755); err != nil {
		fmt.Println(err)
		return 1
	}
	if binary = os.Getenv("AWF_TEST_BINARY"); binary == "" {
		if binary, err = build("awf-cred"); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	return m.Run()
}

func build(name string, flags ...string) (string, error) {
	path := filepath.Join(scratch, name)
	args := append([]string{"build", "-o", path}, flags...)
	cmd := exec.Command("go", append(args, "github.com/awf-cred/awf-cred/cmd/awf-cred")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return path, nil
}

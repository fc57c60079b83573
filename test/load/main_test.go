package load

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// full says that streams and replay run in full.
var full = os.Getenv("AWF_LOAD") == "full"

// pick is the measure of a full run, or of a short one.
func pick[T any](whole, short T) T {
	if full {
		return whole
	}
	return short
}

// soakFor is how long the soak lasts.
func soakFor(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("AWF_SOAK")
	if text == "" {
		return 4 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > 2*time.Hour {
		t.Fatalf("AWF_SOAK=%s is not a duration up to two hours", text)
	}
	return d
}

var binary string // the product

func TestMain(m *testing.M) {
	flag.Parse()
	// Most of the time is waiting, so all three may run beside each other.
	if err := flag.Set("test.parallel", "3"); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if binary = os.Getenv("AWF_TEST_BINARY"); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "awf-load")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "awf-cred")
	cmd := exec.Command("go", "build", "-o", binary, "github.com/awf-cred/awf-cred/cmd/awf-cred")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Printf("build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

//go:build unix

package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// asked is what is to run: "" nothing, "ci" the eight packages, "all" everything.
var asked = os.Getenv("AWF_CLIENTS")

var (
	scratch string // of this run
	binary  string // the product
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	switch asked {
	case "":
		if minioBinary == "" {
			return m.Run() // every test says why it is skipped
		}
	case "ci", "all":
	default:
		fmt.Printf("AWF_CLIENTS is %q: it is ci or all\n", asked)
		return 1
	}
	if err := prepare(); err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	status := m.Run()
	if left := endLeftovers(); len(left) > 0 {
		fmt.Printf("processes were left running, and are ended now: %q\n", left)
		return 1
	}
	return status
}

// prepare makes the scratch directory and the binary.
func prepare() (err error) {
	if scratch, err = os.MkdirTemp("", "awf-clients"); err != nil {
		return err
	}
	if binary = os.Getenv("AWF_TEST_BINARY"); binary != "" {
		binary, err = filepath.Abs(binary)
		return err
	}
	binary = filepath.Join(scratch, "awf-cred")
	cmd := exec.Command("go", "build", "-o", binary, "github.com/awf-cred/awf-cred/cmd/awf-cred")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build awf-cred: %w\n%s", err, out)
	}
	return nil
}

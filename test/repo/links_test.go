package repo

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestProductLinksNothingHeavy holds the list of what a start must not pay for:
// in Go a linked package is an initialised package.
func TestProductLinksNothingHeavy(t *testing.T) {
	t.Parallel()
	for _, goos := range []string{"linux", "darwin", "windows"} {
		cmd := exec.Command("go", "list", "-deps", "./cmd/awf-cred")
		cmd.Dir = root(t)
		cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		out, err := cmd.Output()
		require.NoError(t, err)
		deps := strings.Fields(string(out))
		require.Contains(t, deps, "github.com/awf-cred/awf-cred/pkg/exchange")
		for _, dep := range deps {
			for _, banned := range []string{
				"github.com/awf-cred/awf-cred/internal/sandbox", "github.com/awf-cred/awf-cred/internal/tools",
				"github.com/go-jose/go-jose", "github.com/stretchr/testify", "testing",
				"net/rpc", "encoding/gob", "google.golang.org/protobuf",
				"github.com/prometheus", "github.com/Azure", "google.golang.org", "cloud.google.com",
				"github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go-v2/service",
				"github.com/aws/aws-sdk-go-v2/credentials", "github.com/cpuguy83/go-md2man",
			} {
				assert.False(t, dep == banned || strings.HasPrefix(dep, banned+"/"), "%s: awf-cred links %s", goos, dep)
			}
		}
	}
}

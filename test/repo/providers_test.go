package repo

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/provider"
)

// TestEveryProviderHasAPage: each setting of a vendor is on its page by flag,
// variable and key, with its default, and so are the static keys, the words of
// --for, the variables that name the upstream, and the port.
func TestEveryProviderHasAPage(t *testing.T) {
	t.Parallel()
	for _, p := range provider.All {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(filepath.Join(root(t), "docs", "providers", p.Name+".md"))
			require.NoError(t, err)
			text := string(data)
			has := func(word string) {
				t.Helper()
				assert.Contains(t, text, "`"+word+"`")
			}
			for _, f := range p.Fields {
				has(f.Name)
				if f.Flag != "" {
					has("--" + f.Flag)
				}
				if f.Default != "" {
					has(f.Default)
				}
				for _, name := range f.Env {
					has(name)
				}
			}
			for _, list := range [][]string{p.StaticKeys, p.IdentityEnv, p.Consumers, p.Targets, p.Inference} {
				for _, word := range list {
					has(word)
				}
			}
			has(strconv.Itoa(p.Port))
		})
	}
}

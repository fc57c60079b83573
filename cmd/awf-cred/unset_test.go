//go:build unix

package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// `env --unset` takes back what any form of env sets, the one that leads to a serve
// included.
func TestUnsetTakesBackWhatLeadsToAServe(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	variables := func(args ...string) map[string]*string {
		status, stdout, stderr := outcome(t, program(t, sb, append([]string{"env", "--shell", "json"}, args...)...))
		require.Equal(t, 0, status, stderr)
		var vars map[string]*string
		require.NoError(t, json.Unmarshal([]byte(stdout), &vars), stdout)
		return vars
	}
	for _, name := range provider.Names() {
		via := []string{"--provider", name, "--via", "127.0.0.1:1"}
		if name == "gcp" {
			via = append(via, "--gcp-project", "some-project")
		}
		removed := variables("--provider", name, "--unset")
		set := 0
		for variable, value := range variables(via...) {
			if value == nil {
				continue
			}
			set++
			assert.Contains(t, removed, variable, name)
			assert.Nil(t, removed[variable], "%s: %s", name, variable)
		}
		assert.Positive(t, set, name)
	}
}

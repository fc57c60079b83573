//go:build unix

package main

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// What cannot work is logged under the name of its profile, also of the one from the
// environment, which nobody named.
func TestKeepServingNamesTheProfileThatCannotWork(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	s := serveProgram(t, sb, "--keep-serving", "--listen", "127.0.0.1:0")
	for i, e := range s.cmd.Env {
		if strings.HasPrefix(e, "AWF_AUTH_ANTHROPIC_ORG") {
			s.cmd.Env[i] = "X=y"
		}
	}
	s.start()
	assert.Equal(t, "environment", s.Ready.Listeners[0].Profile)
	assert.Contains(t, s.stderr.String(), "clients are told so\" profile=environment ")
	s.signal(syscall.SIGINT)
	assert.Equal(t, 0, s.status())
}

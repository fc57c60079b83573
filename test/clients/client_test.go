//go:build unix

package clients

import (
	"path/filepath"
	"testing"
)

// client is a program that can hold a conversation.
type client struct {
	name string
	// consumer is its word of `env --for`.
	consumer string
	talker
	// command is its command line, and a directory that PATH needs for it. It skips
	// the test where the client is not to be had.
	command func(t *testing.T) (argv []string, path string)
	// env is what the user of this client sets besides.
	env environment
	// says are the prompts; empty means a greeting and a farewell.
	says []string
}

// prompts are what is said to it.
func (c client) prompts() []string {
	if len(c.says) > 0 {
		return c.says
	}
	return []string{"hello", "and again"}
}

// script is the command of a script of ours with a group's packages.
func script(groupName, file string) func(t *testing.T) ([]string, string) {
	return func(t *testing.T) ([]string, string) {
		g := npm(t, groupName)
		return []string{"node", g.script(t, file)}, g.bin()
	}
}

// claudeCode is the command of Claude Code that holds a conversation.
func claudeCode(t *testing.T) ([]string, string) {
	return []string{"claude", "-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"},
		npm(t, "claude-code").bin()
}

// each runs a test for each client.
func each(t *testing.T, clients []client, test func(t *testing.T, c client)) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			test(t, c)
		})
	}
}

// prepend is e with a directory before its PATH.
func (e environment) prepend(dir string) environment {
	return e.with(environment{"PATH": dir + string(filepath.ListSeparator) + e["PATH"]})
}

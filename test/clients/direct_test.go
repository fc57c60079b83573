//go:build unix

package clients

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// form is a way in which a client that calls its vendor itself gets a credential
// of ours.
type form struct {
	name string
	// give is the client's environment.
	give func(w *world) environment
	// clients are those that can take it.
	clients []client
}

// theirOwn stands for the number of exchanges where clients make them themselves:
// gcloud one for all its processes, Claude Code five in each.
const theirOwn = -1

// direct runs two processes of each client, which call the vendor themselves. They
// share exchanges, and nothing is refused.
func direct(t *testing.T, env func(*sandbox.Sandbox) []string, vendor string, exchanges int, forms []form, options ...sandbox.Option) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			each(t, f.clients, func(t *testing.T, c client) {
				argv, path := c.command(t)
				w := newWorld(t, env, options...)
				variables := f.give(w).prepend(path).with(c.env)
				for range 2 {
					p := w.start(variables, argv...)
					talk := conversation{t, p, c.talker}
					for _, prompt := range c.prompts() {
						assert.Equal(t, hello, talk.say(prompt), prompt)
					}
					talk.end()
					w.hidden("standard error", []byte(p.err.String()))
				}
				counts := w.sb.Counts()
				if exchanges != theirOwn {
					assert.Equal(t, exchanges, counts.Providers[vendor].Accepted, "exchanges of two processes")
				}
				assert.Zero(t, counts.Providers[vendor].APIRefused, "refused calls: %q", w.sb.Reasons())
				if vendor == "anthropic" { // the others take an assertion twice
					assert.Zero(t, counts.Replays, "assertions that were sent twice")
				}
			})
		})
	}
}

// variables are what `env` prints in a step, on top of a client's own.
func (w *world) variables(to environment, flags ...string) environment {
	w.t.Helper()
	return told(w.t, to, w.product(append([]string{"env", "--shell", "json"}, flags...)...).ok(w.t))
}

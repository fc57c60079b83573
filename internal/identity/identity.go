// Package identity holds the sources of assertions: GitHub Actions (through
// package ghoidc), a file, an environment variable, and a command. [New] builds
// the one that a profile chose; the next source is one more file with a type of
// two methods (tokensource.Identity) and one more case there.
//
// Every assertion is looked at before it is handed out: one line, a JWT, at most
// 16 KiB, not expired, valid already. What fails is an *exchange.Error of the
// class Identity that names the claim and by how much; nothing of the token is in
// it. Nothing is verified: that is the provider's work.
//
// Sources are safe for concurrent use. They keep nothing between calls: a file is
// read again and a command run again for every assertion.
package identity

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/ghoidc"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// Options is what the sources need of the outside world.
type Options struct {
	Identity  config.Identity // the choice
	Env       []string        // as os.Environ gives it
	GOOS      string          // runtime.GOOS
	Doer      exchange.Doer   // for GitHub
	UserAgent string          // for GitHub
	Clock     tokensource.Clock
	// Audience, if it is not empty, is the audience that the user set: a token
	// that is for somebody else is refused. A token that GitHub makes is always
	// compared with what was asked for.
	Audience string
	// Log is told what a command that succeeds writes to its standard error, at
	// info; nil: nobody is told.
	Log *slog.Logger
}

// FromProfile are Options for a profile's choice.
func FromProfile(p *config.Profile, o Options) Options {
	o.Identity = p.Identity
	if p.Audience.Value != "" && p.Audience.Origin.Kind != config.FromDefault {
		o.Audience = p.Audience.Value
	}
	return o
}

// New builds the chosen source. Variables that GitHub's source lacks are an error
// of the class Identity here already.
func New(o Options) (tokensource.Identity, error) {
	if o.Clock == nil {
		return nil, &exchange.Error{Step: "identity", Cause: exchange.Internal, Err: errors.New("a clock is required")}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	env := lookup(o.Env, o.GOOS)
	check := checker{now: o.Clock.Now, audience: o.Audience}
	switch id := o.Identity; id.Type {
	case config.GitHub:
		return newGitHub(o, env)
	case config.File:
		return &file{path: id.Path, said: said(id.Origin), check: check, clock: o.Clock}, nil
	case config.Env:
		return &variable{name: id.EnvName, env: env, check: check}, nil
	case config.Command:
		return &command{argv: id.Argv, timeout: id.Timeout, keyEnv: id.KeyEnv, environ: append([]string{}, o.Env...), env: env, goos: o.GOOS,
			check: check, clock: o.Clock, log: o.Log}, nil
	default:
		return nil, &exchange.Error{Step: "identity", Cause: exchange.Internal,
			Err: fmt.Errorf("no source is called %q", id.Type)}
	}
}

// newGitHub reads the job's variables.
func newGitHub(o Options, env func(string) string) (tokensource.Identity, error) {
	g := ghoidc.FromEnv(env)
	g.Doer, g.Now, g.UserAgent = o.Doer, o.Clock.Now, o.UserAgent
	client, err := ghoidc.New(g)
	if err != nil {
		return nil, err
	}
	return &github{client: client}, nil
}

// said is where a choice came from, for messages; empty for one that nobody made.
func said(o config.Origin) string {
	if o.Kind == 0 || o.Kind == config.FromDefault {
		return ""
	}
	return " (" + o.String() + ")"
}

// failure is an error of the class Identity of the named source.
func failure(step, description, hint string, cause error) *exchange.Error {
	return &exchange.Error{Provider: "identity", Step: step, Cause: exchange.Identity, Description: description, Hint: hint,
		Unsent: true, Err: cause}
}

// defaultTimeout bounds a command whose profile says nothing.
const defaultTimeout = 10 * time.Second

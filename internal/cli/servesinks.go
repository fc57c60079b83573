package cli

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/serve"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// sinkFlag is a sink as it was given: of the flags' profile, or of the file's.
type sinkFlag struct {
	profile string // empty: the profile in force
	kind    string
	path    string
}

// wantedSinks are the sinks of the flags, or else of the config file.
func (o *serveOptions) wantedSinks(cfg *config.Config) ([]sinkFlag, error) {
	var sinks []sinkFlag
	for _, text := range o.sinks {
		kind, path, ok := strings.Cut(text, ":")
		switch {
		case !ok || path == "":
			return nil, usage("flag --sink", "is not of the form KIND:PATH", "kinds: "+strings.Join(config.SinkKinds(), ", "))
		case !slices.Contains(config.SinkKinds(), kind):
			return nil, oneOf("sink", kind, config.SinkKinds())
		}
		sinks = append(sinks, sinkFlag{kind: kind, path: path})
	}
	if len(sinks) > 0 {
		return sinks, nil
	}
	for _, s := range cfg.Serve().Sinks {
		sinks = append(sinks, sinkFlag{s.Profile, s.Kind, s.Path})
	}
	return sinks, nil
}

// others are profiles that need a source besides those of the listeners: of sinks
// in the config file, and, where nothing listens, of the flag --profile.
func (o *serveOptions) others(cfg *config.Config) (names []string) {
	if len(o.sinks) == 0 {
		for _, s := range cfg.Serve().Sinks {
			names = append(names, s.Profile)
		}
	}
	return names
}

// makeSinks makes the sinks of a plan.
func (o *serveOptions) makeSinks(a *app, plan *planned) ([]serve.Sink, error) {
	wanted, err := o.wantedSinks(plan.cfg)
	if err != nil {
		return nil, err
	}
	var sinks []serve.Sink
	for _, f := range wanted {
		w, err := plan.profile(f.profile)
		if err != nil {
			return nil, err
		}
		spec := serve.SinkSpec{
			Kind: f.kind, Path: f.path, Profile: w.Profile.Name, Provider: w.Provider, Values: w.Profile.Values,
			Now: a.sys.Clock.Now, Cleanup: o.sinkCleanup,
		}
		if w.Tokens != nil {
			spec.Assertion = func(ctx context.Context) (exchange.Assertion, error) {
				return w.Tokens.Assertion(ctx, w.Exchanger.Audience())
			}
		}
		if f.kind == "gcp-credentials" {
			if spec.Program, err = executable(w.Profile); err != nil {
				return nil, err
			}
		}
		sink, err := serve.NewSink(spec)
		if err != nil {
			return nil, err
		}
		sinks = append(sinks, sink)
	}
	return sinks, nil
}

// profile finds the profile of a sink; an empty name is the only one there is.
func (p *planned) profile(name string) (*wired, error) {
	for _, w := range p.profiles {
		if w.Profile.Name == name || name == "" && len(p.profiles) == 1 {
			return w, nil
		}
	}
	return nil, usage("flag --sink", "does not say which of several profiles it is for", "write it into the serve section of the config file")
}

// executable is the command line by which Google's libraries get an identity token
// from us.
func executable(p *config.Profile) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, &exchange.Error{Step: "sink", Cause: exchange.Internal, Err: err}
	}
	words := []string{self, "token", "--format", "gcp-executable"}
	if !p.FromEnvironment {
		words = append(words, "--profile", p.Name)
	}
	return words, nil
}

// credentialsProfile is the profile of the credentials endpoint: the only one of
// AWS.
func (o *serveOptions) credentialsProfile(plan *planned) (string, error) {
	if o.credentials == "" {
		return "", nil
	}
	var found []string
	for _, w := range plan.profiles {
		if w.Provider.Kind == exchange.AWS && w.Profile.Static == nil {
			found = append(found, w.Profile.Name)
		}
	}
	if len(found) != 1 {
		return "", usage("flag --credentials-endpoint", "needs exactly one profile whose provider is aws", "choose it with --profile")
	}
	return found[0], nil
}

package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"

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

// minting reports whether every sink holds an identity token, and nothing else is
// served.
func (o *serveOptions) minting(cfg *config.Config) bool {
	sinks, err := o.wantedSinks(cfg)
	return err == nil && len(sinks) > 0 && o.credentials == "" &&
		!slices.ContainsFunc(sinks, func(f sinkFlag) bool { return f.kind != "identity-token" })
}

// makeSinks makes the sinks of a plan.
func (o *serveOptions) makeSinks(a *app, plan *planned) ([]serve.Sink, error) {
	wanted, err := o.wantedSinks(plan.cfg)
	if err != nil {
		return nil, err
	}
	var sinks []serve.Sink
	var files sinkFiles
	for _, f := range wanted {
		w, err := plan.profile(f.profile)
		if err != nil {
			return nil, err
		}
		spec := serve.SinkSpec{
			Kind: f.kind, Path: f.path, Profile: w.Profile.Name, Provider: w.Provider, Values: w.Profile.Values,
			Static: w.Profile.Static != nil, Now: a.sys.Clock.Now, Cleanup: o.sinkCleanup,
		}
		if spec.Shared, err = files.add(f.kind, f.path, w.Profile.Name); err != nil {
			return nil, err
		}
		if _, spec.Minted = w.Exchanger.(handover); !spec.Minted && w.Tokens != nil {
			spec.Assertion = func(ctx context.Context) (exchange.Assertion, error) {
				return w.Tokens.Assertion(ctx, w.Exchanger.Audience())
			}
		}
		if f.kind == "gcp-credentials" {
			if spec.Program, err = executable(a.cmd.Flags(), w.Profile); err != nil {
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

// sinkFiles are the files of a plan's sinks. Only a file of the AWS SDKs may be that
// of several: each has a section of its own in it.
type sinkFiles map[string]*sinkFile

type sinkFile struct {
	sync.Mutex
	kind     string
	profiles []string
}

// add returns the lock of a file, or says why it cannot have one more sink.
func (s *sinkFiles) add(kind, path, profile string) (sync.Locker, error) {
	key := path
	if abs, err := filepath.Abs(path); err == nil {
		key = abs
	}
	if *s == nil {
		*s = sinkFiles{}
	}
	f, there := (*s)[key]
	if !there {
		f = &sinkFile{kind: kind}
		(*s)[key] = f
	} else if kind != "aws-credentials" || f.kind != kind || slices.Contains(f.profiles, profile) {
		return nil, usage("sink "+printable(kind+":"+path), "another sink writes this file", "give each sink a file of its own")
	}
	f.profiles = append(f.profiles, profile)
	return f, nil
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
// from us. They run it in an environment and a directory of their own, so that what
// flags told serve of the identity is said again, with absolute paths.
func executable(flags *pflag.FlagSet, p *config.Profile) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, &exchange.Error{Step: "sink", Cause: exchange.Internal, Err: err}
	}
	words := []string{self, "token", "--format", "gcp-executable"}
	if !p.FromEnvironment {
		words = append(words, "--profile", p.Name)
	}
	for _, name := range []string{"config", "ca-file", "identity", "oidc-audience"} {
		f := flags.Lookup(name)
		if f == nil || !f.Changed || f.Value.String() == "" {
			continue
		}
		value := f.Value.String()
		path, isFile := strings.CutPrefix(value, "file:")
		if name == "config" || name == "ca-file" || name == "identity" && isFile {
			abs, err := filepath.Abs(path)
			if err != nil {
				return nil, &exchange.Error{Step: "sink", Cause: exchange.Internal, Err: err}
			}
			value = strings.TrimSuffix(value, path) + abs
		}
		words = append(words, "--"+name, value)
	}
	return words, nil
}

// credentialsProfile is the profile of the credentials endpoint: the only one of
// AWS.
func (o *serveOptions) credentialsProfile(plan *planned) (string, error) {
	if o.credentials == "" {
		return "", nil
	}
	var found, static []string
	for _, w := range plan.profiles {
		switch {
		case w.Provider.Kind != exchange.AWS:
		case w.Profile.Static == nil:
			found = append(found, w.Profile.Name)
		default:
			static = append(static, w.Profile.Static.Env)
		}
	}
	if len(found) == 0 && len(static) > 0 {
		return "", usage("flag --credentials-endpoint", "gives the keys of a role, and "+static[0]+" is none",
			"set AWF_AUTH_TYPE=github-oidc and the settings of the role, or use serve --listen with the key")
	}
	if len(found) != 1 {
		return "", usage("flag --credentials-endpoint", "needs exactly one profile whose provider is aws", "choose it with --profile")
	}
	return found[0], nil
}

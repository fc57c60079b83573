package serve

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// SinkSpec describes a file that is kept fresh.
type SinkSpec struct {
	Kind     string // one of config.SinkKinds
	Path     string
	Profile  string
	Provider provider.Provider
	Values   config.Values
	Static   bool // the profile's credential is a static key
	// Shared is held while a file that others write to is read and written; nil: it
	// is this sink's alone.
	Shared sync.Locker
	// Minted says that the profile's credential is an identity token itself; else
	// Assertion mints one, for the kind identity-token.
	Minted    bool
	Assertion func(context.Context) (exchange.Assertion, error)
	// Program is the command line that prints an identity token for Google's
	// libraries, absolute path first.
	Program []string
	Now     func() time.Time
	Cleanup bool // remove what was written at the end
}

// longestFile bounds a file of others that a sink adds to, in bytes.
const longestFile = 1 << 20

// NewSink makes the sink of a specification. A kind that does not fit the provider
// is refused.
func NewSink(s SinkSpec) (Sink, error) {
	sink := Sink{Profile: s.Profile, Name: s.Kind + ":" + s.Path, Check: func() error { return checkTarget(s.Path) }}
	render, ok := s.renderers()[s.Kind]
	switch {
	case !ok:
		return sink, usage("sink %s: the kind is not known", sink.Name)
	case s.Path == "":
		return sink, usage("sink %s: the path is missing", sink.Name)
	case s.Kind == "anthropic-credentials" && s.Provider.Name != "anthropic",
		s.Kind == "aws-credentials" && s.Provider.Name != "aws",
		s.Kind == "gcp-credentials" && s.Provider.Name != "gcp",
		s.Kind == "token" && s.Provider.Name == "aws":
		return sink, usage("sink %s: profile %s has provider %s, which has no such file", sink.Name, s.Profile, s.Provider.Name)
	case s.Static && slices.Contains([]string{"identity-token", "anthropic-credentials", "aws-credentials", "gcp-credentials"}, s.Kind),
		s.Kind == "identity-token" && s.Assertion == nil && !s.Minted:
		return sink, usage("sink %s: profile %s has a static key and no identity: choose token, json or dotenv", sink.Name, s.Profile)
	case s.Kind == "gcp-credentials" && s.Values.Get("delegates") != "":
		return sink, usage("sink %s: a credentials file of Google cannot name delegates, and profile %s has them: choose token, json or dotenv", sink.Name, s.Profile)
	}
	if s.Kind == "aws-credentials" {
		sink.Check = func() error { return errors.Join(checkTarget(s.Path), s.checkExisting()) }
	}
	if s.Shared == nil {
		s.Shared = new(sync.Mutex)
	}
	sink.Write = func(_ context.Context, c exchange.Credential) error {
		s.Shared.Lock()
		defer s.Shared.Unlock()
		data, err := render(c)
		if err != nil {
			return err
		}
		return atomicfile.Write(s.Path, data)
	}
	if s.Kind == "identity-token" && !s.Minted {
		sink.Mint = s.mint
	}
	if s.Cleanup {
		sink.Remove = s.remove
	}
	return sink, nil
}

// renderers make the content of the files.
func (s SinkSpec) renderers() map[string]func(exchange.Credential) ([]byte, error) {
	return map[string]func(exchange.Credential) ([]byte, error){
		"token":                 s.format("token"),
		"identity-token":        s.format("token"),
		"json":                  s.format("json"),
		"dotenv":                s.dotenv,
		"anthropic-credentials": s.anthropic,
		"aws-credentials":       s.aws,
		"gcp-credentials":       s.gcp,
	}
}

// format renders as `token --format` does.
func (s SinkSpec) format(name string) func(exchange.Credential) ([]byte, error) {
	return func(c exchange.Credential) ([]byte, error) {
		f, _ := output.LookupFormat(name)
		return f.Print(output.Grant{Profile: s.Profile, Credential: c, Now: s.Now(), Header: s.Provider.Header})
	}
}

// dotenv are the variables that the provider's SDK reads, for an EnvironmentFile
// of systemd and the like. A file cannot remove variables; whoever reads it sees
// to that.
func (s SinkSpec) dotenv(c exchange.Credential) ([]byte, error) {
	vars := []output.Var{}
	if c.Kind == exchange.APIKey {
		vars = append(vars, output.SetSecret(s.Provider.StaticKeys[0], c.Token))
	} else {
		all, err := s.Provider.SDKEnv(s.Values, c, s.Provider.Consumers[0])
		if err != nil {
			return nil, err
		}
		for _, v := range all {
			if !v.Unset {
				vars = append(vars, v)
			}
		}
	}
	d, _ := output.LookupDialect("dotenv")
	return d.Render(vars, func(string) bool { return false }, rand.Reader)
}

func (s SinkSpec) anthropic(c exchange.Credential) ([]byte, error) {
	return output.AnthropicFile(c, s.Values.Get("organization_id"), s.Values.Get("workspace_id"))
}

// section is the name of the profile in an AWS credentials file.
func (s SinkSpec) section() string {
	if s.Profile == config.EnvironmentProfile {
		return "awf-cred"
	}
	return s.Profile
}

func (s SinkSpec) aws(c exchange.Credential) ([]byte, error) {
	file, err := s.existing()
	if err != nil {
		return nil, err
	}
	return output.AWSFile(file, s.section(), c)
}

// existing is what is in the file already, nothing for one that is not there.
func (s SinkSpec) existing() ([]byte, error) {
	data, err := atomicfile.Read(s.Path, longestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// checkExisting finds out whether a file that is there can be added to.
func (s SinkSpec) checkExisting() error {
	_, err := s.existing()
	return err
}

func (s SinkSpec) gcp(exchange.Credential) ([]byte, error) {
	v := s.Values
	account := output.GCPAccount{
		Provider: v.Get("workload_identity_provider"), ServiceAccount: v.Get("service_account"), Universe: v.Get("universe_domain"),
		TokenURL: v.Get("token_url"), IAMURL: v.Get("iam_url"), QuotaProject: v.Get("quota_project"), Command: s.Program,
		Lifetime: int64(provider.Seconds(v.Get("token_lifetime")) / time.Second),
	}
	return output.GCPFile(account)
}

// mint makes an identity token; it is treated as a credential that ends with it.
func (s SinkSpec) mint(ctx context.Context) (exchange.Credential, error) {
	a, err := s.Assertion(ctx)
	if err != nil {
		return exchange.Credential{}, err
	}
	return exchange.Credential{Provider: s.Provider.Name, Kind: exchange.Bearer, Token: a.Token, IssuedAt: s.Now(), ExpiresAt: a.ExpiresAt}, nil
}

// remove takes our profile out of a shared file, and any other file away.
func (s SinkSpec) remove() error {
	if s.Kind != "aws-credentials" {
		return atomicfile.Remove(s.Path)
	}
	s.Shared.Lock()
	defer s.Shared.Unlock()
	file, err := s.existing()
	if err != nil || len(file) == 0 {
		return err
	}
	rest := output.AWSFileWithout(file, s.section())
	if len(rest) == 0 {
		return atomicfile.Remove(s.Path)
	}
	return atomicfile.Write(s.Path, rest)
}

// checkTarget finds out whether a file can be written at path: by writing another
// one beside it.
func checkTarget(path string) error {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		return &fs.PathError{Op: "write", Path: path, Err: atomicfile.ErrNotRegular}
	}
	probe := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".check")
	if err := atomicfile.Write(probe, nil); err != nil {
		return err
	}
	return atomicfile.Remove(probe)
}

package cli

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/child"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// viaOptions make `env` point a client at a serve that runs, instead of giving it
// a credential.
type viaOptions struct {
	address   string
	readyFile string
	keyFile   string
	wait      time.Duration
}

func (o *viaOptions) bind(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&o.address, "via", "", "print the variables that lead to the serve at this `address` (host:port or URL)")
	fs.StringVar(&o.readyFile, "ready-file", "", "the same, for the serve that wrote this `file`")
	fs.StringVar(&o.keyFile, "client-key-file", "", "with --via or --ready-file: the client key is in the first line of `file`")
	fs.DurationVar(&o.wait, "wait", 0, "with --via or --ready-file: wait until that serve holds a credential")
}

// given reports whether env is to point at a serve.
func (o *viaOptions) given() bool { return o.address != "" || o.readyFile != "" }

// check refuses flags that do not go together.
func (o *viaOptions) check() error {
	switch {
	case o.address != "" && o.readyFile != "":
		return usage("flags --via and --ready-file", "contradict each other", "give one of them")
	case !o.given() && (o.keyFile != "" || o.wait != 0):
		return usage("flags --client-key-file and --wait", "belong to --via or --ready-file")
	case o.wait < 0:
		return usage("flag --wait", "is negative")
	}
	return nil
}

// noKey is what stands for the key of a serve that demands none: clients want one.
const noKey = "awf-cred"

// awsSDK is the consumer that reads the credentials endpoint.
const awsSDK = "aws-sdk"

// server is the serve that env points at.
type server struct {
	provider    string // empty when nobody said
	base        *url.URL
	credentials string // the endpoint for AWS SDKs, empty for none
	key         secret.Value
	profile     string // empty when nobody said
}

// runVia prints the variables that lead to a serve.
func runVia(ctx context.Context, a *app, o *viaOptions, dialect output.Dialect, consumer string) error {
	p, err := a.loosely()
	if err != nil {
		return err
	}
	s, err := o.await(ctx, a, p, consumer)
	if err != nil {
		return err
	}
	vars, err := s.variables(p, consumer)
	if err != nil {
		return err
	}
	return a.emit(dialect, append(vars, a.exceptions()...))
}

// loosely is the profile in force as far as it can be told: a step that only uses
// a serve need not have its configuration.
func (a *app) loosely() (*config.Profile, error) {
	_, p, err := a.resolve(func(c *config.Config, name string) (*config.Profile, error) {
		p, _ := c.Select(name)
		return p, nil
	})
	return p, err
}

// variables lead a client to the serve.
func (s *server) variables(p *config.Profile, consumer string) ([]output.Var, error) {
	key, open := s.key, s.key.IsZero()
	if open {
		key = secret.New(noKey)
	}
	if consumer == awsSDK {
		return s.container(key, open)
	}
	if consumer == provider.SDKProfile {
		return nil, usage("flag --for", "sdk-profile is a file with a credential in it, and a serve gives none", "leave --for out")
	}
	v, ok := provider.Lookup(s.provider)
	if !ok {
		return nil, usage("provider", printable(s.provider)+" is not known", "choose one of: "+strings.Join(provider.Names(), ", "))
	}
	if consumer != "" && !slices.Contains(v.Consumers, consumer) {
		return nil, oneOf("for", consumer, append(slices.Clone(v.Consumers), awsSDK))
	}
	values := p.Values
	if p.Provider != s.provider || values == nil {
		values = config.Values{}
	}
	vars := v.ProxyEnv(values, s.base, key)
	for i := range vars {
		vars[i].Secret = vars[i].Secret && !open // a word that everybody knows is not masked
	}
	return vars, nil
}

func errNoEndpoint() error {
	return usage("flag --for", "aws-sdk needs a serve with --credentials-endpoint, and its client key",
		"give --ready-file of such a serve, or --via its address and --client-key-file")
}

// container are the variables by which the AWS SDKs find the credentials endpoint.
func (s *server) container(key secret.Value, open bool) ([]output.Var, error) {
	if s.credentials == "" || open {
		return nil, errNoEndpoint()
	}
	endpoint := s.credentials
	if !strings.Contains(endpoint, "://") {
		endpoint = "http://" + endpoint + "/"
	}
	return containerEnv(endpoint, key), nil
}

// containerEnv leads the AWS SDKs to an endpoint, past what they would prefer (AWS
// SDK reference, "Container credential provider").
func containerEnv(endpoint string, key secret.Value) []output.Var {
	return []output.Var{
		output.Conflict("AWS_ACCESS_KEY_ID"),
		output.Conflict("AWS_SECRET_ACCESS_KEY"),
		output.Conflict("AWS_SESSION_TOKEN"),
		output.Conflict("AWS_PROFILE"),
		output.Conflict("AWS_DEFAULT_PROFILE"),
		output.Conflict("AWS_BEARER_TOKEN_BEDROCK"),
		output.Conflict("AWS_WEB_IDENTITY_TOKEN_FILE"),
		output.Conflict("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
		output.Conflict("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
		output.Set("AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint),
		output.SetSecret("AWS_CONTAINER_AUTHORIZATION_TOKEN", key),
	}
}

// exceptions keep the calls to serve away from a proxy that the environment names.
func (a *app) exceptions() []output.Var {
	proxied := false
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		proxied = proxied || a.isSet(name)
	}
	if !proxied {
		return nil
	}
	var vars []output.Var
	env := child.Env(a.sys.Env).NoProxy()
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		if value, ok := env.Get(name); ok && (name == "NO_PROXY" || a.sys.GOOS != "windows") {
			vars = append(vars, output.Set(name, value))
		}
	}
	return vars
}

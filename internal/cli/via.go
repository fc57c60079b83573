package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
	"github.com/awf-cred/awf-cred/internal/child"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/internal/serve"
	"github.com/awf-cred/awf-cred/pkg/exchange"
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
	if o.wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.wait)
		defer cancel()
	}
	s, err := o.find(ctx, a, p, consumer)
	if err != nil {
		return err
	}
	if o.wait > 0 {
		if err := s.await(ctx, a); err != nil {
			return err
		}
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

// find reads where the serve is.
func (o *viaOptions) find(ctx context.Context, a *app, p *config.Profile, consumer string) (*server, error) {
	s := &server{}
	var err error
	if o.address != "" {
		s.base, err = parseVia(o.address)
		s.credentials = o.address
	} else {
		err = o.fromFile(ctx, a, s, consumer)
	}
	if err != nil {
		return nil, err
	}
	if o.keyFile != "" {
		if s.key, err = readKeyFile(o.keyFile); err != nil {
			return nil, err
		}
	}
	if s.provider == "" {
		s.provider = p.Provider
	}
	if s.provider == "" {
		s.provider = providerOfPort(s.base)
	}
	if s.provider == "" && consumer != awsSDK {
		return nil, usage("provider", "is not known: nothing says which variables are wanted",
			"choose one with --provider: "+strings.Join(provider.Names(), ", "))
	}
	return s, nil
}

// parseVia reads an address of serve.
func parseVia(address string) (*url.URL, error) {
	if strings.HasPrefix(address, "unix:") {
		return nil, usage("flag --via", "names a unix socket, which no SDK can use", "let serve listen on 127.0.0.1 too")
	}
	text := address
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Port() == "" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, usage("flag --via", "is not the address of a serve", "write host:port or http://host:port")
	}
	return &url.URL{Scheme: "http", Host: u.Host}, nil
}

// longestReadyFile bounds a ready file, in bytes.
const longestReadyFile = 1 << 20

// fromFile reads the ready file, and waits for it if asked to.
func (o *viaOptions) fromFile(ctx context.Context, a *app, s *server, consumer string) error {
	for {
		data, err := atomicfile.Read(o.readyFile, longestReadyFile)
		var ready serve.Ready
		if err == nil {
			if ready, err = serve.ParseReady(data); err == nil {
				return s.take(a, ready, consumer)
			}
		}
		if o.wait == 0 || a.pause(ctx) != nil {
			return &exchange.Error{Step: "ready file", Cause: exchange.Unavailable, Err: err,
				Hint: "start serve with --ready-file and this path; --wait 30s waits for it"}
		}
	}
}

// take chooses the listener: the profile's that is asked for, or the only one.
func (s *server) take(a *app, ready serve.Ready, consumer string) error {
	if ready.ClientKey != nil {
		s.key = secret.New(*ready.ClientKey)
	}
	if ready.CredentialsEndpoint != nil {
		s.credentials = *ready.CredentialsEndpoint
	}
	if consumer == awsSDK {
		return nil
	}
	wanted := ""
	if names := all(a.cmd.Flags(), "profile"); len(names) > 0 {
		wanted = names[len(names)-1]
	}
	var names []string
	var found []serve.ReadyListener
	for _, l := range ready.Listeners {
		if l.URL != nil && (wanted == "" || l.Profile == wanted) {
			found = append(found, l)
		}
		if !slices.Contains(names, l.Profile) {
			names = append(names, l.Profile)
		}
	}
	switch {
	case len(found) == 0 && wanted != "" && len(ready.Listeners) > 0:
		return usage("flag --profile", "that serve has no listener on a port for it", "its profiles are: "+printable(strings.Join(names, ", ")))
	case len(found) == 0:
		return usage("ready file", "that serve listens on no port, and no SDK can use a unix socket")
	case wanted == "" && len(names) > 1:
		return usage("ready file", "that serve has several profiles", "choose one with --profile: "+printable(strings.Join(names, ", ")))
	}
	u, err := url.Parse(*found[0].URL)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return usage("ready file", "holds no URL of a listener")
	}
	s.base, s.provider, s.profile = u, found[0].Provider, found[0].Profile
	return nil
}

// providerOfPort is the provider whose default port it is.
func providerOfPort(u *url.URL) string {
	if u == nil {
		return ""
	}
	var found string
	for _, v := range provider.All {
		if strconv.Itoa(v.Port) != u.Port() {
			continue
		}
		if found != "" {
			return "" // openai and azure have the same
		}
		found = v.Name
	}
	return found
}

// askEvery is the pause between two questions whether a serve is ready.
const askEvery = 50 * time.Millisecond

// pause waits a moment, or for the end of ctx.
func (a *app) pause(ctx context.Context) error {
	t := a.sys.Clock.NewTimer(askEvery)
	defer t.Stop()
	select {
	case <-t.C():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// await waits until the serve holds a credential.
func (s *server) await(ctx context.Context, a *app) error {
	if s.base == nil {
		return nil
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext}}
	for {
		state := health(ctx, client, s.base)
		if state == nil {
			return nil
		}
		if a.pause(ctx) != nil {
			return &exchange.Error{Step: "serve", Cause: exchange.Unavailable, Description: s.base.Host + " is not ready", Err: state}
		}
	}
}

// health is nil when the serve is ready.
func health(ctx context.Context, client *http.Client, base *url.URL) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.String()+"/health", nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers HTTP %d", res.StatusCode)
	}
	return nil
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

// container are the variables by which the AWS SDKs find the credentials endpoint,
// and those that they would prefer (AWS SDK reference, "Container credential
// provider").
func (s *server) container(key secret.Value, open bool) ([]output.Var, error) {
	if s.credentials == "" || open {
		return nil, usage("flag --for", "aws-sdk needs a serve with --credentials-endpoint, and its client key",
			"give --ready-file of such a serve, or --via its address and --client-key-file")
	}
	endpoint := s.credentials
	if !strings.Contains(endpoint, "://") {
		endpoint = "http://" + endpoint + "/"
	}
	return []output.Var{
		output.Conflict("AWS_ACCESS_KEY_ID"),
		output.Conflict("AWS_SECRET_ACCESS_KEY"),
		output.Conflict("AWS_SESSION_TOKEN"),
		output.Conflict("AWS_WEB_IDENTITY_TOKEN_FILE"),
		output.Conflict("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
		output.Conflict("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
		output.Set("AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint),
		output.SetSecret("AWS_CONTAINER_AUTHORIZATION_TOKEN", key),
	}, nil
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

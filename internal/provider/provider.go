// Package provider is what the product knows of each vendor, one file each:
// settings, exchange, upstream, injection, and the variables that the vendor's
// SDKs and agent CLIs read.
package provider

import (
	"net/url"
	"time"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// Deps is what an exchanger needs besides its settings.
type Deps struct {
	Doer      exchange.Doer
	UserAgent string
	Now       tokensource.Clock
	Env       func(string) string // for defaults such as a role session name
}

// Provider is one vendor.
type Provider struct {
	Name   string
	Kind   exchange.Kind // of what an exchange grants
	Fields []config.Field
	// StaticKeys are the variables of the vendor's static key, strongest first.
	StaticKeys []string
	// StaticConflicts are the variables that a client prefers to a static key.
	StaticConflicts []string
	// IdentityEnv are the vendor's own identity variables, in order of
	// precedence; a name that ends in _FILE holds a path.
	IdentityEnv []string
	// FederationEnv are the variables that, besides AWF_AUTH_<NAME>_*, say that
	// this vendor is meant; nil: see [config.Vendor].
	FederationEnv []string
	// Endpoints are the fields that hold a URL which assertions are sent to: see
	// [Provider.ChangedEndpoints].
	Endpoints []string
	// Check finds settings that contradict each other; nil: none can.
	Check func(config.Values) []config.Conflict

	// Audience is what an identity token is minted for unless the setting
	// audience says otherwise.
	Audience func(config.Values) string
	// New checks the settings and builds the exchanger.
	New func(config.Values, Deps) (tokensource.Exchanger, error)
	// Header is `token --format header`: one line without its end.
	Header func(exchange.Credential) string
	// ShortKey makes a short-term API key of a credential; nil where there are none.
	ShortKey func(v config.Values, c exchange.Credential, now time.Time) (secret.Value, error)
	// SDKEnv are the variables that the consumer named by `--for` reads.
	SDKEnv func(v config.Values, c exchange.Credential, consumer string) ([]output.Var, error)
	// StaticEnv are what a consumer wants besides the variable of a static key; nil:
	// nothing.
	StaticEnv func(consumer string) []output.Var
	// Consumers are the words that `--for` takes for this vendor, the default first.
	Consumers []string

	// Upstream, Injector and ProxyEnv serve `serve` and `exec`.
	Upstream func(v config.Values, env func(string) string) (*url.URL, string, error) // URL, base path
	Targets  []string                                                                 // variables that hold the upstream's host: see [TargetWarning]
	Injector func(config.Values) (proxy.Injector, error)
	ProxyEnv func(v config.Values, base *url.URL, key secret.Value) []output.Var
	// Upgrades says that the vendor has WebSockets.
	Upgrades bool
	// Inference are the --allow rules that the word `inference` stands for.
	Inference []string
	// Port is the default listening port (the sidecar contract of gh-aw-firewall).
	Port int
}

// All is every provider, in the order in which they are named to the user.
var All = []Provider{anthropic, aws, azure, gcp, openAI}

// Lookup finds a provider by name.
func Lookup(name string) (Provider, bool) {
	for _, p := range All {
		if p.Name == name {
			return p, true
		}
	}
	return Provider{}, false
}

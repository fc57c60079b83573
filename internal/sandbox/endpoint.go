package sandbox

import "strings"

// Host is one listener: a vendor's host name in the real world.
type Host string

// The hosts of the sandbox.
const (
	HostGitHub    Host = "github"    // token.actions.githubusercontent.com and the mint host
	HostAnthropic Host = "anthropic" // api.anthropic.com
	HostAdmin     Host = "admin"     // the sandbox's own controls; never faulted
)

// Endpoint names one thing that can be called, counted and broken. A fault for
// a name without a dot (a host) applies to all endpoints of that host, and one
// for "*" to all hosts but the admin listener.
type Endpoint string

// The endpoints of GitHub and Anthropic.
const (
	Mint           Endpoint = "github.mint"
	Discovery      Endpoint = "github.discovery"
	JWKS           Endpoint = "github.jwks"
	AnthropicToken Endpoint = "anthropic.token"
	Messages       Endpoint = "anthropic.messages"
	CountTokens    Endpoint = "anthropic.count_tokens"
	Models         Endpoint = "anthropic.models"
	AnthropicRoot  Endpoint = "anthropic.root"
	AnthropicEcho  Endpoint = "anthropic.echo"
)

// host is the listener that serves the endpoint.
func (e Endpoint) host() Host {
	name, _, _ := strings.Cut(string(e), ".")
	return Host(name)
}

// unknown is the endpoint of a path that the host does not have.
func (h Host) unknown() Endpoint { return Endpoint(string(h) + ".unknown") }

// route answers what a request is for and who handles it.
type route func(*request) (Endpoint, handler)

// handler turns a request that was read whole into an answer.
type handler func(*request) *reply

package output

import (
	"slices"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// Grant is a credential with what is told beside it.
type Grant struct {
	Profile    string
	Credential exchange.Credential
	Cached     bool // no exchange was made for this output
	Now        time.Time

	// Header is the provider's header line for a credential, without its end.
	Header func(exchange.Credential) string
	// ExecInfo is KUBERNETES_EXEC_INFO, empty when kubectl did not start us.
	ExecInfo string
	// APIKey makes a short-term key of the credential, for providers that have
	// such keys; nil for others.
	APIKey func(exchange.Credential) (secret.Value, error)
}

// Format is one way to print a credential.
type Format struct {
	Name string
	Help string // a few words, for completion and help
	// Kinds are the kinds of credential that fit, Provider the only provider
	// that does; empty for any.
	Kinds    []exchange.Kind
	Provider string
	// Render returns the whole output with its newline.
	Render func(Grant) ([]byte, error)
}

// Formats are the formats of `token`, the default first.
var Formats = []Format{
	{"token", "the bare token and a newline", tokenKinds, "", bare},
	{"json", "one object with token and times", everyKind, "", credentialJSON},
	{"header", "the HTTP header that carries it", tokenKinds, "", headerLine},
	{"exec-credential", "Kubernetes ExecCredential", tokenKinds, "", execCredential},
	{"api-key-helper", "the bare token, for Claude Code's apiKeyHelper", tokenKinds, "", bare},
	{"credential-process", "AWS credential_process", awsKinds, "", credentialProcess},
	{"bedrock-api-key", "a short-term Bedrock API key", []exchange.Kind{exchange.AWS, exchange.APIKey}, "aws", bedrockKey},
}

var (
	tokenKinds = []exchange.Kind{exchange.Bearer, exchange.APIKey}
	everyKind  = []exchange.Kind{exchange.Bearer, exchange.APIKey, exchange.AWS}
	awsKinds   = []exchange.Kind{exchange.AWS}
)

// LookupFormat finds a format by name.
func LookupFormat(name string) (Format, bool) {
	for _, f := range Formats {
		if f.Name == name {
			return f, true
		}
	}
	return Format{}, false
}

// FormatNames lists the formats that fit a provider's kind of credential; all of
// them for an empty kind.
func FormatNames(provider string, kind exchange.Kind) []string {
	var names []string
	for _, f := range Formats {
		if kind == "" || f.Fits(provider, kind) {
			names = append(names, f.Name)
		}
	}
	return names
}

// Fits reports whether a provider's credential of this kind can be printed in this
// format.
func (f Format) Fits(provider string, kind exchange.Kind) bool {
	return slices.Contains(f.Kinds, kind) && (f.Provider == "" || f.Provider == provider)
}

// Check returns the refusal of a format that does not fit. A command asks before
// it spends an assertion.
func (f Format) Check(provider string, kind exchange.Kind) error {
	if f.Fits(provider, kind) {
		return nil
	}
	return refuse("format "+f.Name, "a credential of kind "+string(kind)+" ("+provider+") cannot be printed this way",
		"choose a form that fits: --format "+strings.Join(FormatNames(provider, kind), ", --format "))
}

// Print renders g, refusing a kind that does not fit.
func (f Format) Print(g Grant) ([]byte, error) {
	if err := f.Check(g.Credential.Provider, g.Credential.Kind); err != nil {
		return nil, err
	}
	return f.Render(g)
}

// bare is the token and a newline, nothing else.
func bare(g Grant) ([]byte, error) {
	return []byte(g.Credential.Token.Reveal() + "\n"), nil
}

// headerLine is the header by which the provider's API takes the credential.
func headerLine(g Grant) ([]byte, error) {
	line := g.Header(g.Credential)
	if strings.ContainsAny(line, "\r\n\x00") {
		return nil, refuse("format header", "the key contains a line break or NUL",
			"check the variable that holds the key for a stray line break")
	}
	return []byte(line + "\n"), nil
}

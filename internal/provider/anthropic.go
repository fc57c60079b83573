package provider

import (
	"net/url"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// anthropic is the Anthropic API with Workload Identity Federation.
//
// Settings: gh-aw's AWF_AUTH_ANTHROPIC_* first, then the variables that the
// vendor's SDKs read (Anthropic WIF reference, "Environment variables").
// ANTHROPIC_BASE_URL and ANTHROPIC_PROFILE are not read: the first is what exec
// and `env --via` set.
var anthropic = Provider{
	Name: "anthropic",
	Kind: exchange.Bearer,
	Fields: []config.Field{
		{
			Name: "federation_rule_id", Flag: "anthropic-federation-rule-id",
			Env:      []string{"AWF_AUTH_ANTHROPIC_FEDERATION_RULE_ID", "ANTHROPIC_FEDERATION_RULE_ID"},
			Required: true, Check: exchange.CheckFederationRuleID, Form: "fdrl_…", Help: "Anthropic federation rule",
		},
		{
			Name: "organization_id", Flag: "anthropic-organization-id",
			Env:      []string{"AWF_AUTH_ANTHROPIC_ORGANIZATION_ID", "ANTHROPIC_ORGANIZATION_ID"},
			Required: true, Check: exchange.CheckUUID, Form: "a UUID", Help: "Anthropic organization",
		},
		{
			Name: "service_account_id", Flag: "anthropic-service-account-id",
			Env:      []string{"AWF_AUTH_ANTHROPIC_SERVICE_ACCOUNT_ID", "ANTHROPIC_SERVICE_ACCOUNT_ID"},
			Required: true, Check: exchange.CheckServiceAccountID, Form: "svac_…", Help: "Anthropic service account",
		},
		{
			Name: "workspace_id", Flag: "anthropic-workspace-id",
			Env:   []string{"AWF_AUTH_ANTHROPIC_WORKSPACE_ID", "ANTHROPIC_WORKSPACE_ID"},
			Check: exchange.CheckWorkspaceID, Form: "wrkspc_… or default", Help: "Anthropic workspace, if the rule covers several",
		},
		{
			Name: "token_url", Flag: "anthropic-token-url",
			Env:     []string{"AWF_AUTH_ANTHROPIC_TOKEN_URL"},
			Default: "https://api.anthropic.com/v1/oauth/token",
			Check:   exchange.CheckEndpoint, Form: "a whole URL such as https://api.anthropic.com/v1/oauth/token", Help: "Anthropic token endpoint",
		},
		{
			// gh-aw-firewall: the header that carries a static key to the upstream.
			Name: "auth_header", Env: []string{"AWF_ANTHROPIC_AUTH_HEADER"},
			Check: headerName, Form: "the name of a header", Help: "header in which serve and exec send a static key",
		},
	},
	StaticKeys:      []string{"ANTHROPIC_API_KEY"},
	StaticConflicts: []string{"ANTHROPIC_AUTH_TOKEN"},
	IdentityEnv:     []string{"ANTHROPIC_IDENTITY_TOKEN_FILE", "ANTHROPIC_IDENTITY_TOKEN"},
	Endpoints:       []string{"token_url"},

	Audience:  func(config.Values) string { return "https://api.anthropic.com" },
	New:       newAnthropic,
	Header:    anthropicHeader,
	SDKEnv:    anthropicSDKEnv,
	Consumers: anthropicConsumers,

	Upstream: func(v config.Values, env func(string) string) (*url.URL, string, error) {
		return upstreamOf(v, env, "ANTHROPIC_API_TARGET", "ANTHROPIC_API_BASE_PATH", "api.anthropic.com")
	},
	Targets: []string{"ANTHROPIC_API_TARGET"},
	Injector: func(v config.Values) (proxy.Injector, error) {
		return proxy.Anthropic(v.Get("auth_header")), nil // empty: x-api-key
	},
	ProxyEnv: anthropicProxyEnv,
	Inference: []string{
		"POST /v1/messages", "POST /v1/messages/count_tokens", "GET /v1/models", "GET /v1/models/*",
	},
	Port: 10001,
}

// SDKProfile is the word of --for by which an SDK reads the credential from a
// profile of its own, which the command has written into the folder that the
// setting SDKProfileDir names: it then sends the beta header that federation
// tokens want, and no token lies in the environment.
const (
	SDKProfile     = "sdk-profile"
	SDKProfileDir  = "sdk_profile_dir"
	SDKProfileName = "awf-cred"
)

var anthropicConsumers = []string{"sdk", "claude-code", SDKProfile}

func newAnthropic(v config.Values, d Deps) (tokensource.Exchanger, error) {
	reuse := v.Get("allow_assertion_reuse") == "true"
	return exchange.NewAnthropic(exchange.AnthropicParams{
		FederationRuleID:    v.Get("federation_rule_id"),
		OrganizationID:      v.Get("organization_id"),
		ServiceAccountID:    v.Get("service_account_id"),
		WorkspaceID:         v.Get("workspace_id"),
		TokenURL:            v.Get("token_url"),
		Audience:            v.Get("audience"),
		AllowAssertionReuse: reuse,
		UserAgent:           d.UserAgent,
		Now:                 d.Now.Now,
	}, d.Doer)
}

// anthropicHeader: a key goes in x-api-key, a federation token is a bearer token
// (Anthropic API reference, "Authentication"; WIF reference, "Calling the API").
func anthropicHeader(c exchange.Credential) string {
	if c.Kind == exchange.APIKey {
		return "x-api-key: " + c.Token.Reveal()
	}
	return "Authorization: Bearer " + c.Token.Reveal()
}

// anthropicSDKEnv: the SDKs prefer a key to ANTHROPIC_AUTH_TOKEN. Claude Code adds
// the beta header that federation tokens want to CLAUDE_CODE_OAUTH_TOKEN alone,
// and prefers both other variables to it; what would make it do an exchange of its
// own goes too.
func anthropicSDKEnv(v config.Values, c exchange.Credential, consumer string) ([]output.Var, error) {
	switch consumer {
	case "sdk":
		return []output.Var{
			output.Conflict("ANTHROPIC_API_KEY"),
			output.SetSecret("ANTHROPIC_AUTH_TOKEN", c.Token),
		}, nil
	case "claude-code":
		return []output.Var{
			output.Conflict("ANTHROPIC_API_KEY"),
			output.Conflict("ANTHROPIC_AUTH_TOKEN"),
			output.Tidy("ANTHROPIC_IDENTITY_TOKEN"),
			output.Tidy("ANTHROPIC_IDENTITY_TOKEN_FILE"),
			output.Tidy("ANTHROPIC_FEDERATION_RULE_ID"),
			output.Tidy("ANTHROPIC_PROFILE"),
			output.SetSecret("CLAUDE_CODE_OAUTH_TOKEN", c.Token),
		}, nil
	case SDKProfile:
		return []output.Var{
			output.Conflict("ANTHROPIC_API_KEY"),
			output.Conflict("ANTHROPIC_AUTH_TOKEN"),
			output.Tidy("ANTHROPIC_IDENTITY_TOKEN"),
			output.Tidy("ANTHROPIC_IDENTITY_TOKEN_FILE"),
			output.Tidy("ANTHROPIC_FEDERATION_RULE_ID"),
			output.Tidy("ANTHROPIC_WORKSPACE_ID"),
			output.Set("ANTHROPIC_CONFIG_DIR", v.Get(SDKProfileDir)),
			output.Set("ANTHROPIC_PROFILE", SDKProfileName),
		}, nil
	default:
		return nil, unknownConsumer("anthropic", anthropicConsumers)
	}
}

// anthropicProxyEnv points SDKs and Claude Code at a proxy of ours. Both take the
// base URL without /v1 and send the token as a bearer token.
func anthropicProxyEnv(_ config.Values, base *url.URL, key secret.Value) []output.Var {
	return append(claudeMode(""),
		output.Conflict("ANTHROPIC_API_KEY"),
		output.Set("ANTHROPIC_BASE_URL", base.String()),
		output.SetSecret("ANTHROPIC_AUTH_TOKEN", key),
	)
}

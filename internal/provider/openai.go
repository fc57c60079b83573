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

// openAI is the OpenAI API with workload identity federation.
//
// The names that the vendor's guide uses for its settings (OPENAI_WIF_AUDIENCE and
// the like) are conventions that no SDK reads; they are not read here either.
var openAI = Provider{
	Name: "openai",
	Kind: exchange.Bearer,
	Fields: []config.Field{
		{
			Name: "identity_provider_id", Flag: "openai-identity-provider-id", Env: []string{"AWF_AUTH_OPENAI_IDENTITY_PROVIDER_ID"},
			Required: true, Check: exchange.CheckOpenAIProviderID, Form: "idp_…", Help: "OpenAI identity provider",
		},
		{
			Name: "service_account_id", Flag: "openai-service-account-id", Env: []string{"AWF_AUTH_OPENAI_SERVICE_ACCOUNT_ID"},
			Required: true, Check: exchange.CheckOpenAIServiceAccountID, Form: "the id of a service account", Help: "OpenAI service account",
		},
		{
			Name: "token_url", Flag: "openai-token-url", Env: []string{"AWF_AUTH_OPENAI_TOKEN_URL"},
			Default: "https://auth.openai.com/oauth/token", Check: exchange.CheckEndpoint,
			Form: "a whole URL such as https://auth.openai.com/oauth/token", Help: "OpenAI token endpoint",
		},
		{
			// gh-aw-firewall: the header that carries a static key to the upstream.
			Name: "auth_header", Env: []string{"AWF_OPENAI_AUTH_HEADER"},
			Check: headerName, Form: "the name of a header", Help: "header in which serve and exec send a static key",
		},
	},
	StaticKeys:    []string{"OPENAI_API_KEY"},
	FederationEnv: []string{},
	Endpoints:     []string{"token_url"},

	Audience:  func(config.Values) string { return "https://api.openai.com/v1" },
	New:       newOpenAI,
	Header:    bearerHeader,
	SDKEnv:    openAISDKEnv,
	Consumers: []string{"sdk"},

	Upstream: openAIUpstream,
	Targets:  []string{"OPENAI_API_TARGET"},
	Injector: func(v config.Values) (proxy.Injector, error) { return proxy.Bearer(v.Get("auth_header")), nil },
	ProxyEnv: openAIProxyEnv,
	Upgrades: true,
	Inference: []string{
		"POST /v1/responses", "POST /v1/chat/completions", "POST /v1/embeddings", "GET /v1/models", "GET /v1/models/*",
	},
	Port: 10000,
}

func newOpenAI(v config.Values, d Deps) (tokensource.Exchanger, error) {
	return exchange.NewOpenAI(exchange.OpenAIParams{
		IdentityProviderID: v.Get("identity_provider_id"),
		ServiceAccountID:   v.Get("service_account_id"),
		TokenURL:           v.Get("token_url"),
		Audience:           v.Get("audience"),
		UserAgent:          d.UserAgent,
		Now:                d.Now.Now,
	}, d.Doer)
}

// bearerHeader: keys and tokens alike are bearer tokens.
func bearerHeader(c exchange.Credential) string { return "Authorization: Bearer " + c.Token.Reveal() }

// openAISDKEnv: the SDKs send OPENAI_API_KEY as a bearer token, whatever it is.
func openAISDKEnv(_ config.Values, c exchange.Credential, consumer string) ([]output.Var, error) {
	if consumer != "sdk" {
		return nil, unknownConsumer("openai", []string{"sdk"})
	}
	return []output.Var{output.SetSecret("OPENAI_API_KEY", c.Token)}, nil
}

// openAIUpstream: the vendor's own host has its API below /v1, and its SDKs have
// that in their base URL.
func openAIUpstream(v config.Values, env func(string) string) (*url.URL, string, error) {
	u, base, err := upstreamOf(v, env, "OPENAI_API_TARGET", "OPENAI_API_BASE_PATH", "api.openai.com")
	if err == nil && base == "" && u.Host == "api.openai.com" {
		base = "/v1"
	}
	return u, base, err
}

func openAIProxyEnv(_ config.Values, base *url.URL, key secret.Value) []output.Var {
	return []output.Var{
		output.Set("OPENAI_BASE_URL", base.JoinPath("v1").String()),
		output.SetSecret("OPENAI_API_KEY", key),
	}
}

package provider

import (
	"net/url"
	"strings"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// azure is Azure OpenAI, and Claude on Foundry, with Microsoft Entra workload
// identity federation.
var azure = Provider{
	Name: "azure",
	Kind: exchange.Bearer,
	Fields: []config.Field{
		{
			Name: "tenant_id", Flag: "azure-tenant-id", Env: []string{"AWF_AUTH_AZURE_TENANT_ID"},
			Required: true, Check: exchange.CheckAzureTenant, Form: "a UUID or a verified domain", Help: "Microsoft Entra tenant",
		},
		{
			Name: "client_id", Flag: "azure-client-id", Env: []string{"AWF_AUTH_AZURE_CLIENT_ID"},
			Required: true, Check: exchange.CheckUUID, Form: "a UUID", Help: "application or managed identity",
		},
		{
			Name: "scope", Flag: "azure-scope", Env: []string{"AWF_AUTH_AZURE_SCOPE"},
			Check: exchange.CheckAzureScope, Form: "one resource and /.default", Help: "resource that is asked for (default: Azure OpenAI of the cloud)",
		},
		{
			Name: "cloud", Flag: "azure-cloud", Env: []string{"AWF_AUTH_AZURE_CLOUD"}, Default: "public",
			Check: exchange.CheckAzureCloud, Form: "public, usgovernment or china", Help: "Azure cloud: login host, audience and scope follow it",
		},
		{
			Name: "authority_host", Flag: "azure-authority-host", Env: []string{"AWF_AUTH_AZURE_AUTHORITY_HOST", "AZURE_AUTHORITY_HOST"},
			Check: exchange.CheckAzureAuthority, Form: "a base URL such as https://login.microsoftonline.com", Help: "base of the token endpoint (default: the cloud's)",
		},
		{
			Name: "token_url", Flag: "azure-token-url", Env: []string{"AWF_AUTH_AZURE_TOKEN_URL"},
			Check: exchange.CheckEndpoint, Form: "a whole URL", Help: "Microsoft Entra token endpoint (default: of the authority and tenant)",
		},
	},
	StaticKeys:      []string{"AZURE_OPENAI_API_KEY"},
	StaticConflicts: []string{"AZURE_OPENAI_AD_TOKEN"},
	IdentityEnv:     []string{"AZURE_FEDERATED_TOKEN_FILE"},
	FederationEnv:   []string{},
	Endpoints:       []string{"authority_host", "token_url"},

	Audience: func(v config.Values) string {
		cloud, _ := exchange.AzureCloudOf(v.Get("cloud"))
		return cloud.Audience
	},
	New:       newAzure,
	Header:    azureHeader,
	SDKEnv:    azureSDKEnv,
	Consumers: []string{"sdk"},

	Upstream: azureUpstream,
	Targets:  []string{"AZURE_OPENAI_ENDPOINT", "OPENAI_API_TARGET"},
	Injector: func(config.Values) (proxy.Injector, error) { return proxy.Bearer("api-key"), nil },
	ProxyEnv: azureProxyEnv,
	Upgrades: true,
	Inference: []string{
		"POST /openai/deployments/*/chat/completions", "POST /openai/deployments/*/responses", "POST /openai/deployments/*/embeddings",
		"POST /openai/v1/chat/completions", "POST /openai/v1/responses", "POST /openai/v1/embeddings",
		"GET /openai/v1/models", "GET /openai/v1/models/*",
		"POST /anthropic/v1/messages", "POST /anthropic/v1/messages/count_tokens",
	},
	Port: 10000,
}

func newAzure(v config.Values, d Deps) (tokensource.Exchanger, error) {
	return exchange.NewAzure(exchange.AzureParams{
		TenantID:      v.Get("tenant_id"),
		ClientID:      v.Get("client_id"),
		Scope:         v.Get("scope"),
		Cloud:         v.Get("cloud"),
		TokenURL:      v.Get("token_url"),
		AuthorityHost: v.Get("authority_host"),
		Audience:      v.Get("audience"),
		UserAgent:     d.UserAgent,
		Now:           d.Now.Now,
	}, d.Doer)
}

// azureHeader: Azure OpenAI takes keys in a header of their own.
func azureHeader(c exchange.Credential) string {
	if c.Kind == exchange.APIKey {
		return "api-key: " + c.Token.Reveal()
	}
	return bearerHeader(c)
}

// azureSDKEnv: the Azure clients of OpenAI's SDKs send AZURE_OPENAI_AD_TOKEN as a
// bearer token, and refuse or prefer a key beside it.
func azureSDKEnv(_ config.Values, c exchange.Credential, consumer string) ([]output.Var, error) {
	if consumer != "sdk" {
		return nil, unknownConsumer("azure", []string{"sdk"})
	}
	return []output.Var{
		output.Conflict("AZURE_OPENAI_API_KEY"),
		output.SetSecret("AZURE_OPENAI_AD_TOKEN", c.Token),
	}, nil
}

// azureUpstream: every resource has a host of its own, so one must be named.
func azureUpstream(v config.Values, env func(string) string) (*url.URL, string, error) {
	target := "AZURE_OPENAI_ENDPOINT"
	if strings.TrimSpace(env(target)) == "" {
		target = "OPENAI_API_TARGET"
	}
	if v.Get("upstream") == "" && strings.TrimSpace(env(target)) == "" {
		return nil, "", &exchange.Error{Provider: "azure", Step: "upstream", Cause: exchange.Usage, Description: "is missing: every Azure OpenAI resource has a host of its own",
			Hint: "set AZURE_OPENAI_ENDPOINT, --upstream or the key upstream to https://RESOURCE.openai.azure.com"}
	}
	return upstreamOf(v, env, target, "OPENAI_API_BASE_PATH", "RESOURCE.openai.azure.com")
}

// azureProxyEnv serves two clients: the Azure client of OpenAI's SDKs, and Claude
// Code in its Foundry mode, which wants a key to send any request at all.
func azureProxyEnv(_ config.Values, base *url.URL, key secret.Value) []output.Var {
	return append(claudeMode("CLAUDE_CODE_USE_FOUNDRY"),
		output.Conflict("AZURE_OPENAI_AD_TOKEN"),
		output.Conflict("ANTHROPIC_FOUNDRY_RESOURCE"),
		output.Conflict("ANTHROPIC_FOUNDRY_AUTH_TOKEN"),
		output.Set("AZURE_OPENAI_ENDPOINT", base.String()),
		output.SetSecret("AZURE_OPENAI_API_KEY", key),
		output.Set("ANTHROPIC_FOUNDRY_BASE_URL", base.JoinPath("anthropic").String()),
		output.SetSecret("ANTHROPIC_FOUNDRY_API_KEY", key),
	)
}

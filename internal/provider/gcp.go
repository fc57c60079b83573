package provider

import (
	"net/url"
	"strings"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// gcp is Vertex AI with Google Cloud's workload identity federation.
var gcp = Provider{
	Name: "gcp",
	Kind: exchange.Bearer,
	Fields: []config.Field{
		{
			Name: "workload_identity_provider", Flag: "gcp-workload-identity-provider", Env: []string{"AWF_AUTH_GCP_WORKLOAD_IDENTITY_PROVIDER"},
			Required: true, Check: exchange.CheckGCPProvider, Form: "projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER",
			Help: "provider of a workload identity pool",
		},
		{
			Name: "service_account", Flag: "gcp-service-account", Env: []string{"AWF_AUTH_GCP_SERVICE_ACCOUNT"},
			Check: exchange.CheckGCPServiceAccount, Form: "name@project.iam.gserviceaccount.com", Help: "service account to impersonate (default: none, direct federation)",
		},
		{
			Name: "scope", Flag: "gcp-scope", Env: []string{"AWF_AUTH_GCP_SCOPE"}, List: true,
			Check: checkScopes, Form: "scopes, separated by commas or blanks", Help: "OAuth scopes (default: cloud-platform)",
		},
		{
			Name: "token_lifetime", Flag: "gcp-token-lifetime", Env: []string{"AWF_AUTH_GCP_TOKEN_LIFETIME"},
			Check: checkSeconds(600, 43200), Form: "seconds from 600 to 43200, or a duration such as 1h", Help: "lifetime of an impersonated token (default: 1h)",
		},
		{
			Name: "delegates", Flag: "gcp-delegates", Env: []string{"AWF_AUTH_GCP_DELEGATES"}, List: true,
			Check: eachOf(exchange.CheckGCPDelegate), Form: "addresses of service accounts, separated by commas", Help: "chain of accounts that lead to the service account",
		},
		{
			Name: "universe_domain", Flag: "gcp-universe-domain", Env: []string{"AWF_AUTH_GCP_UNIVERSE_DOMAIN"},
			Default: "googleapis.com", Check: exchange.CheckGCPUniverse, Form: "a domain", Help: "universe domain",
		},
		{
			Name: "quota_project", Flag: "gcp-quota-project", Env: []string{"AWF_AUTH_GCP_QUOTA_PROJECT"},
			Check: exchange.CheckGCPProject, Form: "a project", Help: "project that is charged",
		},
		{
			Name: "location", Flag: "gcp-location", Env: []string{"AWF_AUTH_GCP_LOCATION"},
			Default: "global", Check: checkLocation, Form: "global, us, eu or a region such as europe-west1", Help: "location of Vertex AI",
		},
		{
			Name: "project", Flag: "gcp-project", Env: []string{"AWF_AUTH_GCP_PROJECT"},
			Check: exchange.CheckGCPProject, Form: "a project", Help: "project of Vertex AI, for clients behind serve and exec",
		},
		{
			Name: "token_url", Flag: "gcp-token-url", Env: []string{"AWF_AUTH_GCP_TOKEN_URL"},
			Check: exchange.CheckEndpoint, Form: "a whole URL such as https://sts.googleapis.com/v1/token", Help: "Security Token Service endpoint",
		},
		{
			Name: "iam_url", Flag: "gcp-iam-url", Env: []string{"AWF_AUTH_GCP_IAM_URL"},
			Check: exchange.CheckBase, Form: "a base URL such as https://iamcredentials.googleapis.com", Help: "base of the IAM credentials service",
		},
	},
	StaticKeys:    []string{"GOOGLE_API_KEY", "GEMINI_API_KEY"},
	FederationEnv: []string{},
	Endpoints:     []string{"token_url", "iam_url"},
	Check:         checkGCP,

	Audience: func(v config.Values) string {
		if x, err := exchange.NewGCP(gcpParams(v), nil); err == nil {
			return x.Audience()
		}
		return ""
	},
	New: func(v config.Values, d Deps) (tokensource.Exchanger, error) {
		p := gcpParams(v)
		p.UserAgent, p.Now = d.UserAgent, d.Now.Now
		return exchange.NewGCP(p, d.Doer)
	},
	Header:    gcpHeader,
	SDKEnv:    gcpSDKEnv,
	Consumers: gcpConsumers,

	Upstream:  gcpUpstream,
	Targets:   []string{"VERTEX_API_TARGET"},
	Injector:  gcpInjector,
	ProxyEnv:  gcpProxyEnv,
	Upgrades:  true,
	Inference: []string{"POST /v1/projects/*/locations/*/publishers/*/models/*"},
	Port:      10004,
}

// checkGCP: delegates lead to an account.
func checkGCP(v config.Values) []config.Conflict {
	if v.Get("delegates") == "" || v.Get("service_account") != "" {
		return nil
	}
	return []config.Conflict{{Fields: []string{"delegates"},
		Text: "the chain leads to no account: set AWF_AUTH_GCP_SERVICE_ACCOUNT, --gcp-service-account or the key service_account"}}
}

var gcpConsumers = []string{"sdk", "gcloud", "terraform"}

func gcpParams(v config.Values) exchange.GCPParams {
	return exchange.GCPParams{
		WorkloadIdentityProvider: v.Get("workload_identity_provider"),
		ServiceAccount:           v.Get("service_account"),
		Scopes:                   scopes(v.Get("scope")),
		TokenLifetime:            Seconds(v.Get("token_lifetime")),
		Delegates:                list(v.Get("delegates")),
		UniverseDomain:           v.Get("universe_domain"),
		QuotaProject:             v.Get("quota_project"),
		TokenURL:                 v.Get("token_url"),
		IAMURL:                   v.Get("iam_url"),
		Audience:                 v.Get("audience"),
	}
}

func gcpHeader(c exchange.Credential) string {
	if c.Kind == exchange.APIKey {
		return "x-goog-api-key: " + c.Token.Reveal()
	}
	return bearerHeader(c)
}

// gcpSDKEnv: gcloud and Terraform have a variable for a token. Google's libraries
// have none; they take a file (see the sink gcp-credentials), and get both here.
func gcpSDKEnv(_ config.Values, c exchange.Credential, consumer string) ([]output.Var, error) {
	gcloud := output.SetSecret("CLOUDSDK_AUTH_ACCESS_TOKEN", c.Token)
	terraform := output.SetSecret("GOOGLE_OAUTH_ACCESS_TOKEN", c.Token)
	switch consumer {
	case "sdk":
		return []output.Var{gcloud, terraform}, nil
	case "gcloud":
		return []output.Var{gcloud}, nil
	case "terraform":
		return []output.Var{terraform}, nil
	}
	return nil, unknownConsumer("gcp", gcpConsumers)
}

// gcpUpstream is the host of a location (Vertex AI, "Endpoints").
func gcpUpstream(v config.Values, env func(string) string) (*url.URL, string, error) {
	universe, location := v.Get("universe_domain"), v.Get("location")
	if universe == "" {
		universe = "googleapis.com"
	}
	host := location + "-aiplatform." + universe
	switch location {
	case "", "global":
		host = "aiplatform." + universe
	case "us", "eu":
		host = "aiplatform." + location + ".rep." + universe
	}
	return upstreamOf(v, env, "VERTEX_API_TARGET", "VERTEX_API_BASE_PATH", host)
}

// gcpInjector also names the project that is charged: what the client said of it
// is gone with its credentials.
func gcpInjector(v config.Values) (proxy.Injector, error) {
	token, quota := proxy.Bearer("x-goog-api-key"), v.Get("quota_project")
	if quota == "" {
		return token, nil
	}
	line := "X-Goog-User-Project: " + quota + "\r\n"
	return func(h *relay.Head, c exchange.Credential) error {
		if c.Kind != exchange.APIKey {
			h.Add = append(h.Add, line...)
		}
		return token(h, c)
	}, nil
}

// gcpProxyEnv: in this mode clients send no credential at all, so the key of a
// local proxy is the first segment of the path.
func gcpProxyEnv(v config.Values, base *url.URL, key secret.Value) []output.Var {
	location := v.Get("location")
	if location == "" {
		location = "global"
	}
	at := base.JoinPath("v1").String()
	if !key.IsZero() {
		at = base.JoinPath(key.Reveal(), "v1").String()
	}
	vars := append(claudeMode("CLAUDE_CODE_USE_VERTEX"),
		output.Set("CLAUDE_CODE_SKIP_VERTEX_AUTH", "1"),
		output.SetSecret("ANTHROPIC_VERTEX_BASE_URL", secret.New(at)),
		output.Set("CLOUD_ML_REGION", location),
	)
	if project := gcpProject(v); project != "" {
		vars = append(vars, output.Set("ANTHROPIC_VERTEX_PROJECT_ID", project))
	}
	return vars
}

// gcpProject is the setting, else the project in a service account's address.
func gcpProject(v config.Values) string {
	if p := v.Get("project"); p != "" {
		return p
	}
	_, host, _ := strings.Cut(v.Get("service_account"), "@")
	project, _ := strings.CutSuffix(host, ".iam.gserviceaccount.com")
	if project == host {
		return ""
	}
	return project
}

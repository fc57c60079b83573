package provider_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/clock"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

func vendor(t *testing.T, name string) provider.Provider {
	t.Helper()
	p, ok := provider.Lookup(name)
	require.True(t, ok)
	return p
}

const pool = "projects/123456789/locations/global/workloadIdentityPools/ci/providers/github"

// settingsOf are settings with which each provider works.
var settingsOf = map[string][]string{
	"anthropic": {"federation_rule_id", "fdrl_01", "organization_id", "00000000-0000-0000-0000-000000000000", "service_account_id", "svac_01"},
	"aws":       {"role_arn", "arn:aws:iam::123456789012:role/ci", "region", "eu-west-1"},
	"azure":     {"tenant_id", "11111111-1111-4111-8111-111111111111", "client_id", "22222222-2222-4222-8222-222222222222"},
	"gcp":       {"workload_identity_provider", pool, "service_account", "ci@my-project.iam.gserviceaccount.com"},
	"openai":    {"identity_provider_id", "idp_01", "service_account_id", "sa-01"},
}

func TestAudiences(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"anthropic": "https://api.anthropic.com", "aws": "sts.amazonaws.com", "azure": "api://AzureADTokenExchange",
		"gcp": "https://iam.googleapis.com/" + pool, "openai": "https://api.openai.com/v1",
	} {
		p := vendor(t, name)
		v := values(settingsOf[name]...)
		assert.Equal(t, want, p.Audience(v), name)
		x, err := p.New(v, provider.Deps{Now: clock.System{}, Env: func(string) string { return "" }})
		require.NoError(t, err, name)
		assert.Equal(t, want, x.Audience(), "%s: mint and exchange agree", name)
	}
	assert.Equal(t, "api://AzureADTokenExchangeUSGov", vendor(t, "azure").Audience(values("cloud", "USGovernment")))
	assert.Equal(t, "api://AzureADTokenExchangeChina", vendor(t, "azure").Audience(values("cloud", "china")))
}

func TestUpstreams(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, provider string
		v              []string
		env            map[string]string
		url, base      string
		wantsUsage     bool
	}{
		{name: "Bedrock follows the region", provider: "aws", v: []string{"region", "eu-west-1"}, url: "https://bedrock-runtime.eu-west-1.amazonaws.com"},
		{name: "Bedrock in China", provider: "aws", v: []string{"region", "cn-north-1"}, url: "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"},
		{name: "Bedrock with FIPS", provider: "aws", v: []string{"region", "us-east-1", "use_fips", "true"}, url: "https://bedrock-runtime-fips.us-east-1.amazonaws.com"},
		{name: "Bedrock dual-stack", provider: "aws", v: []string{"region", "us-east-1", "use_dualstack", "true"}, url: "https://bedrock-runtime.us-east-1.api.aws"},
		{name: "Bedrock's endpoint variable keeps its port", provider: "aws", v: []string{"region", "us-east-1"},
			env: map[string]string{"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://vpce.example.com:8443/x"}, url: "https://vpce.example.com:8443"},
		{name: "a static key takes the SDKs' region", provider: "aws", env: map[string]string{"AWS_REGION": "us-west-2"}, url: "https://bedrock-runtime.us-west-2.amazonaws.com"},
		{name: "Bedrock without a region", provider: "aws", wantsUsage: true},
		{name: "Vertex is global", provider: "gcp", url: "https://aiplatform.googleapis.com"},
		{name: "Vertex in a region", provider: "gcp", v: []string{"location", "europe-west1"}, url: "https://europe-west1-aiplatform.googleapis.com"},
		{name: "Vertex in the multi-region eu", provider: "gcp", v: []string{"location", "eu"}, url: "https://aiplatform.eu.rep.googleapis.com"},
		{name: "Vertex of another universe", provider: "gcp", v: []string{"universe_domain", "example.goog"}, url: "https://aiplatform.example.goog"},
		{name: "Vertex target", provider: "gcp", env: map[string]string{"VERTEX_API_TARGET": "gw.test", "VERTEX_API_BASE_PATH": "/v"}, url: "https://gw.test", base: "/v"},
		{name: "Azure must be told", provider: "azure", wantsUsage: true},
		{name: "Azure's own variable wins", provider: "azure", env: map[string]string{"AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com/", "OPENAI_API_TARGET": "x"}, url: "https://r.openai.azure.com"},
		{name: "Azure by the target variable", provider: "azure", env: map[string]string{"OPENAI_API_TARGET": "r.openai.azure.com"}, url: "https://r.openai.azure.com"},
		{name: "OpenAI has its API below /v1", provider: "openai", url: "https://api.openai.com", base: "/v1"},
		{name: "another host has not", provider: "openai", env: map[string]string{"OPENAI_API_TARGET": "gw.test"}, url: "https://gw.test"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			u, base, err := vendor(t, row.provider).Upstream(values(row.v...), func(name string) string { return row.env[name] })
			if row.wantsUsage {
				require.ErrorIs(t, err, exchange.Usage)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, row.url, u.String())
			assert.Equal(t, row.base, base)
		})
	}
}

func TestProxyVariables(t *testing.T) {
	t.Parallel()
	base, err := url.Parse("http://127.0.0.1:4444")
	require.NoError(t, err)
	for name, want := range map[string][]string{
		"aws": {
			"export CLAUDE_CODE_USE_BEDROCK='1'", "export CLAUDE_CODE_SKIP_BEDROCK_AUTH='1'", "export ANTHROPIC_BEDROCK_BASE_URL='http://127.0.0.1:4444'",
			"export AWS_ENDPOINT_URL_BEDROCK_RUNTIME='http://127.0.0.1:4444'", "export AWS_BEARER_TOKEN_BEDROCK='phantom'",
			"export AWS_EC2_METADATA_DISABLED='true'", "export AWS_REGION='eu-west-1'", "export AWS_DEFAULT_REGION='eu-west-1'", "unset CLAUDE_CODE_USE_VERTEX",
		},
		"gcp": {
			"export CLAUDE_CODE_USE_VERTEX='1'", "export CLAUDE_CODE_SKIP_VERTEX_AUTH='1'", "export ANTHROPIC_VERTEX_BASE_URL='http://127.0.0.1:4444/phantom/v1'",
			"export CLOUD_ML_REGION='global'", "export ANTHROPIC_VERTEX_PROJECT_ID='my-project'",
		},
		"azure": {
			"export CLAUDE_CODE_USE_FOUNDRY='1'", "export ANTHROPIC_FOUNDRY_BASE_URL='http://127.0.0.1:4444/anthropic'", "export ANTHROPIC_FOUNDRY_API_KEY='phantom'",
			"export AZURE_OPENAI_ENDPOINT='http://127.0.0.1:4444'", "export AZURE_OPENAI_API_KEY='phantom'", "unset AZURE_OPENAI_AD_TOKEN",
		},
		"openai": {"export OPENAI_BASE_URL='http://127.0.0.1:4444/v1'", "export OPENAI_API_KEY='phantom'"},
	} {
		lines := strings.Split(render(t, vendor(t, name).ProxyEnv(values(settingsOf[name]...), base, secret.New("phantom"))), "\n")
		for _, line := range want {
			assert.Contains(t, lines, line, name)
		}
	}
}

func TestAWSVariables(t *testing.T) {
	t.Parallel()
	c := exchange.Credential{Provider: "aws", Kind: exchange.AWS, ExpiresAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		AWS: &exchange.AWSKeys{AccessKeyID: secret.New("ASIASANDBOX"), SecretAccessKey: secret.New("s"), SessionToken: secret.New("t")}}
	vars, err := vendor(t, "aws").SDKEnv(values(settingsOf["aws"]...), c, "sdk")
	require.NoError(t, err)
	assert.Equal(t, "unset AWS_BEARER_TOKEN_BEDROCK\nunset AWS_PROFILE\nunset AWS_WEB_IDENTITY_TOKEN_FILE\n"+
		"export AWS_ACCESS_KEY_ID='ASIASANDBOX'\nexport AWS_SECRET_ACCESS_KEY='s'\nexport AWS_SESSION_TOKEN='t'\n"+
		"export AWS_REGION='eu-west-1'\nexport AWS_DEFAULT_REGION='eu-west-1'\nexport AWS_CREDENTIAL_EXPIRATION='2026-01-02T03:04:05Z'\n", render(t, vars))
}

func TestRolesOfAWSAndOfOthers(t *testing.T) {
	t.Parallel()
	check := vendor(t, "aws").Check
	minio := "arn:minio:iam:::role/name"
	assert.NotEmpty(t, check(values("role_arn", minio)))
	assert.Empty(t, check(values("role_arn", minio, "token_url", "http://127.0.0.1:1/")))
	assert.Empty(t, check(values("role_arn", minio, "sts_endpoint", "http://127.0.0.1:1")))
	assert.Empty(t, check(values("role_arn", "arn:aws:iam::123456789012:role/ci")))
	assert.Empty(t, check(values()), "a mint needs no role")
}

func TestLifetimesOfSettings(t *testing.T) {
	t.Parallel()
	field := func(p, name string) config.Field {
		for _, f := range vendor(t, p).Fields {
			if f.Name == name {
				return f
			}
		}
		t.Fatalf("%s has no field %s", p, name)
		return config.Field{}
	}
	for value, good := range map[string]bool{"900": true, "1h": true, "43200": true, "12h": true, "899": false, "12h1s": false, "x": false, "": false, "-1": false, "1000.5s": false, "99999999999": false} {
		assert.Equal(t, good, field("aws", "duration").Check(value) == nil, "%q", value)
	}
	assert.Error(t, field("gcp", "token_lifetime").Check("599"))
	assert.NoError(t, field("gcp", "token_lifetime").Check("600"))
	for value, good := range map[string]bool{"global": true, "europe-west1": true, "eu": true, "a.b": false, "A": false, "-x": false, "": false} {
		assert.Equal(t, good, field("gcp", "location").Check(value) == nil, "%q", value)
	}
}

func TestSettingsAreCheckedBeforeTheyAreUsed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		provider, field string
		good, bad       []string
	}{
		{"aws", "policy_arns",
			[]string{"arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/A, arn:aws:iam::123456789012:policy/p/q"},
			[]string{"ReadOnlyAccess", "arn:aws:iam::aws:policy/A,B", "arn:aws:iam::aws:role/x", strings.Repeat("arn:aws:iam::aws:policy/A,", 11)}},
		{"aws", "sts_endpoint", []string{"https://sts.example.test/base", "http://127.0.0.1:9000"}, []string{"https://sts.example.test/?a=b", "http://sts.example.test"}},
		{"gcp", "iam_url", []string{"https://iam.example.test/base"}, []string{"https://iam.example.test/?a=b"}},
		{"gcp", "scope",
			[]string{"https://www.googleapis.com/auth/cloud-platform", "https://a.test/x,https://a.test/y", "https://a.test/x https://a.test/y"}, []string{"https://a.test/\x01", "ä"}},
		{"gcp", "delegates",
			[]string{"a@p.iam.gserviceaccount.com,projects/-/serviceAccounts/b@p.iam.gserviceaccount.com"}, []string{"a", "projects/p/serviceAccounts/b@p.iam.gserviceaccount.com"}},
	} {
		fields := vendor(t, row.provider).Fields
		i := slices.IndexFunc(fields, func(f config.Field) bool { return f.Name == row.field })
		require.GreaterOrEqual(t, i, 0, row.field)
		require.NotNil(t, fields[i].Check, "%s %s", row.provider, row.field)
		for _, value := range row.good {
			assert.NoError(t, fields[i].Check(value), "%s %q", row.field, value)
		}
		for _, value := range row.bad {
			assert.Error(t, fields[i].Check(value), "%s %q", row.field, value)
		}
	}
	conflict := func(name string, v ...string) string {
		var texts []string
		for _, c := range vendor(t, name).Check(values(v...)) {
			texts = append(texts, strings.Join(c.Fields, " and ")+": "+c.Text)
		}
		return strings.Join(texts, "; ")
	}
	assert.Contains(t, conflict("aws", "role_arn", "arn:aws:iam::123456789012:role/ci", "region", "cn-north-1"), "role_arn and region: role_arn is of the partition aws, region cn-north-1 of aws-cn")
	assert.Empty(t, conflict("aws", "role_arn", "arn:aws-cn:iam::123456789012:role/ci", "region", "cn-north-1"))
	assert.Empty(t, conflict("aws", "role_arn", "arn:aws:iam::123456789012:role/ci", "region", "cn-north-1", "sts_endpoint", "https://sts.example.test"))
	assert.Contains(t, conflict("gcp", "delegates", "a@p.iam.gserviceaccount.com"), "AWF_AUTH_GCP_SERVICE_ACCOUNT, --gcp-service-account")
	assert.Empty(t, conflict("gcp", "delegates", "a@p.iam.gserviceaccount.com", "service_account", "b@p.iam.gserviceaccount.com"))
}

func TestEndpointsThatAreNotTheVendors(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, provider string
		set            []string
		want           []string
	}{
		{"nothing is set", "azure", nil, nil},
		{"a pod on AKS names the public cloud", "azure", []string{"authority_host", "https://login.microsoftonline.com/"}, nil},
		{"the cloud's own", "azure", []string{"cloud", "usgovernment", "authority_host", "login.microsoftonline.us"}, nil},
		{"another host", "azure", []string{"authority_host", "https://login.example.test"}, []string{"authority_host"}},
		{"the stronger of two", "azure", []string{"authority_host", "https://login.example.test", "token_url", "https://other.example.test/token"}, []string{"token_url"}},
		{"the region's", "aws", []string{"sts_endpoint", "https://sts.eu-west-1.amazonaws.com"}, nil},
		{"another region's", "aws", []string{"sts_endpoint", "https://sts.us-east-1.amazonaws.com"}, []string{"sts_endpoint"}},
		{"another service", "aws", []string{"sts_endpoint", "http://127.0.0.1:9000", "role_arn", "arn:minio:iam:::role/x"}, []string{"sts_endpoint"}},
		{"the vendor's, written out", "gcp", []string{"token_url", "https://sts.googleapis.com/v1/token", "iam_url", "https://iamcredentials.googleapis.com"}, nil},
		{"both steps", "gcp", []string{"token_url", "https://sts.example.test/", "iam_url", "https://iam.example.test"}, []string{"token_url", "iam_url"}},
		{"a step that is not made", "gcp", []string{"service_account", "", "iam_url", "https://iam.example.test"}, nil},
		{"openai", "openai", []string{"token_url", "https://auth.example.test/oauth/token"}, []string{"token_url"}},
		{"anthropic", "anthropic", []string{"token_url", "https://api.anthropic.com/v1/oauth/token"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			v := values(append(slices.Clone(settingsOf[row.provider]), row.set...)...)
			deps := provider.Deps{Now: clock.System{}, Env: func(string) string { return "" }}
			assert.Equal(t, row.want, vendor(t, row.provider).ChangedEndpoints(v, deps))
		})
	}
}

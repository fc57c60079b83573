package provider

import (
	"net/url"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// bedrock is the signing name of Bedrock's runtime, whatever its host is called
// (botocore data, bedrock-runtime: signingName).
const bedrock = "bedrock"

// aws is Bedrock with AssumeRoleWithWebIdentity.
var aws = Provider{
	Name: "aws",
	Kind: exchange.AWS,
	Fields: []config.Field{
		{
			Name: "role_arn", Flag: "aws-role-arn", Env: []string{"AWF_AUTH_AWS_ROLE_ARN"},
			Required: true, Check: exchange.CheckAWSAnyRoleARN, Form: "arn:aws:iam::123456789012:role/NAME", Help: "role to assume",
		},
		{
			Name: "region", Flag: "aws-region", Env: []string{"AWF_AUTH_AWS_REGION"},
			Required: true, Check: exchange.CheckAWSRegion, Form: "a region such as us-east-1", Help: "region of STS and Bedrock",
		},
		{
			Name: "role_session_name", Flag: "aws-role-session-name", Env: []string{"AWF_AUTH_AWS_ROLE_SESSION_NAME"},
			Check: exchange.CheckAWSSessionName, Form: "2 to 64 letters, digits and =,.@_+-", Help: "name of the session (default: awf-cred with the job's run)",
		},
		{
			Name: "duration", Flag: "aws-duration", Env: []string{"AWF_AUTH_AWS_DURATION"},
			Check: checkSeconds(900, 43200), Form: "seconds from 900 to 43200, or a duration such as 1h", Help: "lifetime of the session (default: 1h)",
		},
		{
			Name: "session_policy", Flag: "aws-session-policy", Env: []string{"AWF_AUTH_AWS_SESSION_POLICY"},
			Lines: true, Check: exchange.CheckAWSSessionPolicy, Form: "a JSON policy of at most 2048 characters", Help: "policy that narrows the session",
		},
		{
			Name: "policy_arns", Flag: "aws-policy-arns", Env: []string{"AWF_AUTH_AWS_POLICY_ARNS"}, List: true,
			Check: func(value string) error { return exchange.CheckAWSPolicyARNs(list(value)) },
			Form:  "at most ten ARNs of policies, separated by commas", Help: "managed policies that narrow the session",
		},
		{
			Name: "use_fips", Flag: "aws-use-fips", Env: []string{"AWF_AUTH_AWS_USE_FIPS"}, Bool: true,
			Form: "true or false", Help: "use FIPS endpoints",
		},
		{
			Name: "use_dualstack", Flag: "aws-use-dualstack", Env: []string{"AWF_AUTH_AWS_USE_DUALSTACK"}, Bool: true,
			Form: "true or false", Help: "use endpoints that also speak IPv6",
		},
		{
			Name: "token_url", Flag: "aws-token-url", Env: []string{"AWF_AUTH_AWS_TOKEN_URL"},
			Check: exchange.CheckEndpoint, Form: "a whole URL such as https://sts.us-east-1.amazonaws.com/", Help: "STS endpoint (default: of the region)",
		},
		{
			Name: "sts_endpoint", Env: []string{"AWS_ENDPOINT_URL_STS"},
			Check: exchange.CheckBase, Form: "a base URL such as https://sts.us-east-1.amazonaws.com", Help: "base of the STS endpoint, as the AWS SDKs read it",
		},
	},
	StaticKeys:    []string{"AWS_BEARER_TOKEN_BEDROCK"},
	IdentityEnv:   []string{"AWS_WEB_IDENTITY_TOKEN_FILE"},
	FederationEnv: []string{},
	Endpoints:     []string{"token_url", "sts_endpoint"},
	Check:         checkAWS,

	Audience: func(config.Values) string { return "sts.amazonaws.com" },
	New:      newAWS,
	Header:   bearerHeader, // of a static key; keys that sign have no header of their own
	ShortKey: func(v config.Values, c exchange.Credential, now time.Time) (secret.Value, error) {
		return bedrockAPIKey(v.Get("region"), c, now)
	},
	SDKEnv:    awsSDKEnv,
	StaticEnv: awsStaticEnv,
	Consumers: awsConsumers,

	Upstream: awsUpstream,
	Targets:  []string{"AWS_ENDPOINT_URL_BEDROCK_RUNTIME"},
	Injector: func(v config.Values) (proxy.Injector, error) {
		return proxy.SigV4(proxy.SigV4Options{Region: v.Get("region"), Service: bedrock}), nil
	},
	ProxyEnv: awsProxyEnv,
	Inference: []string{
		"POST /model/*/invoke", "POST /model/*/invoke-with-response-stream", "POST /model/*/converse", "POST /model/*/converse-stream",
	},
	Port: 10005,
}

// checkAWS: another STS may name its roles as it likes, AWS itself does not.
func checkAWS(v config.Values) []config.Conflict {
	if v.Get("token_url") != "" || v.Get("sts_endpoint") != "" || v.Get("role_arn") == "" { // mint needs no role
		return nil
	}
	if err := exchange.CheckAWSRoleARN(v.Get("role_arn")); err != nil {
		return []config.Conflict{{Fields: []string{"role_arn"}, Text: err.Error()}}
	}
	if err := exchange.CheckAWSPartition(v.Get("role_arn"), v.Get("region")); err != nil {
		return []config.Conflict{{Fields: []string{"role_arn", "region"}, Text: err.Error()}}
	}
	return nil
}

func newAWS(v config.Values, d Deps) (tokensource.Exchanger, error) {
	name := v.Get("role_session_name")
	if name == "" {
		name = sessionName(d.Env)
	}
	return exchange.NewAWS(exchange.AWSParams{
		RoleARN:       v.Get("role_arn"),
		Region:        v.Get("region"),
		SessionName:   name,
		Duration:      Seconds(v.Get("duration")),
		SessionPolicy: v.Get("session_policy"),
		PolicyARNs:    list(v.Get("policy_arns")),
		UseFIPS:       v.Get("use_fips") == "true",
		UseDualStack:  v.Get("use_dualstack") == "true",
		TokenURL:      v.Get("token_url"),
		Endpoint:      v.Get("sts_endpoint"),
		Audience:      v.Get("audience"),
		UserAgent:     d.UserAgent,
		Now:           d.Now.Now,
	}, d.Doer)
}

// sessionName says in CloudTrail which job it was: awf-cred, the run and its
// attempt, with what a session name cannot hold replaced (STS API reference,
// RoleSessionName: 64 characters of a small set).
func sessionName(env func(string) string) string {
	name := "awf-cred"
	run := strings.TrimSpace(env("GITHUB_RUN_ID"))
	if run == "" {
		return name
	}
	attempt := strings.TrimSpace(env("GITHUB_RUN_ATTEMPT"))
	if attempt == "" {
		attempt = "1"
	}
	name = strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("_+=,.@-", r)) {
			return r
		}
		return '-'
	}, name+"-"+run+"-"+attempt)
	return name[:min(len(name), 64)]
}

// awsUpstream is the runtime of Bedrock in the region (botocore data,
// bedrock-runtime endpoint rule set).
func awsUpstream(v config.Values, env func(string) string) (*url.URL, string, error) {
	region := v.Get("region")
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} { // on the static path
		if region == "" && exchange.CheckAWSRegion(strings.TrimSpace(env(name))) == nil {
			region = strings.TrimSpace(env(name))
		}
	}
	const target = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"
	if region == "" && v.Get("upstream") == "" && strings.TrimSpace(env(target)) == "" {
		return nil, "", &exchange.Error{Provider: "aws", Step: "upstream", Cause: exchange.Usage, Description: "no region says where Bedrock is",
			Hint: "set AWF_AUTH_AWS_REGION, --aws-region or the key region to a region such as us-east-1"}
	}
	host, p := "bedrock-runtime", exchange.AWSPartitionOf(region)
	if v.Get("use_fips") == "true" {
		host += "-fips"
	}
	suffix := p.Suffix
	if v.Get("use_dualstack") == "true" {
		suffix = p.DualStack
	}
	return upstreamOf(v, env, target, "", host+"."+region+"."+suffix)
}

package provider

import (
	"net/url"
	"time"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

var awsConsumers = []string{"sdk", "claude-code"}

// awsSDKEnv: Bedrock's clients prefer a bearer key to keys that sign, and the
// JavaScript SDK prefers a named profile to keys in the environment.
func awsSDKEnv(v config.Values, c exchange.Credential, consumer string) ([]output.Var, error) {
	var vars []output.Var
	switch consumer {
	case "sdk":
	case "claude-code":
		vars = claudeMode("CLAUDE_CODE_USE_BEDROCK")
	default:
		return nil, unknownConsumer("aws", awsConsumers)
	}
	vars = append(vars,
		output.Conflict("AWS_BEARER_TOKEN_BEDROCK"),
		output.Conflict("AWS_PROFILE"),
		output.Tidy("AWS_WEB_IDENTITY_TOKEN_FILE"),
		output.SetSecret("AWS_ACCESS_KEY_ID", c.AWS.AccessKeyID),
		output.SetSecret("AWS_SECRET_ACCESS_KEY", c.AWS.SecretAccessKey),
		output.SetSecret("AWS_SESSION_TOKEN", c.AWS.SessionToken),
	)
	vars = append(vars, awsRegion(v)...)
	if !c.ExpiresAt.IsZero() {
		vars = append(vars, output.Set("AWS_CREDENTIAL_EXPIRATION", c.ExpiresAt.UTC().Format(time.RFC3339)))
	} else {
		vars = append(vars, output.Tidy("AWS_CREDENTIAL_EXPIRATION"))
	}
	return vars, nil
}

// awsRegion: version 1 of the AWS CLI reads the second name only.
// awsStaticEnv: Claude Code goes to Bedrock only when it is told to.
func awsStaticEnv(consumer string) []output.Var {
	if consumer != "claude-code" {
		return nil
	}
	return claudeMode("CLAUDE_CODE_USE_BEDROCK")
}

func awsRegion(v config.Values) []output.Var {
	region := v.Get("region")
	if region == "" {
		return nil
	}
	return []output.Var{output.Set("AWS_REGION", region), output.Set("AWS_DEFAULT_REGION", region)}
}

// awsProxyEnv: the key of a local proxy travels as a Bedrock bearer key. The AWS
// CLI asks the instance metadata service in spite of it, unless that is disabled.
func awsProxyEnv(v config.Values, base *url.URL, key secret.Value) []output.Var {
	vars := append(claudeMode("CLAUDE_CODE_USE_BEDROCK"),
		output.Set("CLAUDE_CODE_SKIP_BEDROCK_AUTH", "1"),
		output.Set("ANTHROPIC_BEDROCK_BASE_URL", base.String()),
		output.Set("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", base.String()),
		output.SetSecret("AWS_BEARER_TOKEN_BEDROCK", key),
		output.Set("AWS_EC2_METADATA_DISABLED", "true"),
	)
	return append(vars, awsRegion(v)...)
}

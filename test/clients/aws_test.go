//go:build unix

package clients

import (
	"path/filepath"
	"testing"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// toAWS is what points a client at the stand-ins of AWS instead of the vendor.
func toAWS(w *world) environment {
	return environment{
		"AWS_REGION": w.sb.Role().Region, "AWS_DEFAULT_REGION": w.sb.Role().Region,
		"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": w.sb.URL(sandbox.HostBedrock), "ANTHROPIC_BEDROCK_BASE_URL": w.sb.URL(sandbox.HostBedrock),
		"STS": w.sb.URL(sandbox.HostSTS), "AWS_CA_BUNDLE": w.sb.CAFile(), "AWS_EC2_METADATA_DISABLED": "true",
	}
}

func TestAWSClientsSignWithOurCredentials(t *testing.T) {
	t.Parallel()
	bedrock := client{name: "Anthropic's Bedrock SDK", talker: sdkTalk, command: script("bedrock", "bedrock.mjs")}
	runtime := client{name: "AWS SDK", talker: sdkTalk, command: script("aws", "aws.mjs"), says: []string{
		"invoke " + bedrockModel, "invokeStream " + bedrockModel, "converse " + bedrockModel, "converseStream " + bedrockModel,
		"invoke " + bedrockARN, "invokeStream " + bedrockARN, "converse " + bedrockARN, "converseStream " + bedrockARN,
	}}
	claude := client{name: "Claude Code", talker: claudeTalk, command: claudeCode,
		env: environment{"CLAUDE_CODE_USE_BEDROCK": "1", "ANTHROPIC_MODEL": bedrockModel}}
	identity := client{name: "AWS CLI, who am I", talker: shellTalk, command: callerIdentity, says: []string{"who"}}
	converse := client{name: "AWS CLI, Bedrock", talker: shellTalk, command: awsConverse, says: []string{"hello"}}
	all := []client{bedrock, runtime, claude, identity, converse}
	direct(t, (*sandbox.Sandbox).AWSEnv, "aws", 1, []form{
		{"credential_process", func(w *world) environment {
			config := w.file("aws.ini", "[default]\nregion = "+w.sb.Role().Region+"\ncredential_process = "+binary+" token --format credential-process\n")
			return w.step.with(toAWS(w)).with(environment{"AWS_CONFIG_FILE": config})
		}, all},
		{"container endpoint", func(w *world) environment {
			return w.serve("--credentials-endpoint", "127.0.0.1:0").env(w.plain, "--for", "aws-sdk").with(toAWS(w)).with(setTrap(w.t)).
				with(environment{"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"})
		}, all},
		{"variables of env", func(w *world) environment { return w.variables(w.plain, "--for", "sdk").with(toAWS(w)) }, all},
		{"a file that serve keeps fresh", func(w *world) environment {
			path := filepath.Join(w.home, "credentials")
			w.keep("aws-credentials", path)
			return w.plain.with(toAWS(w)).with(environment{"AWS_SHARED_CREDENTIALS_FILE": path, "AWS_PROFILE": "awf-cred"})
		}, all},
		{"Bedrock API key", func(w *world) environment {
			key := w.product("token", "--format", "bedrock-api-key").ok(w.t)
			return w.plain.with(toAWS(w)).with(environment{"AWS_BEARER_TOKEN_BEDROCK": key})
		}, []client{bedrock, runtime, claude, converse}},
	})
}

// callerIdentity is the AWS CLI's question who it is, in a loop. Old versions know
// no variable for the endpoint.
func callerIdentity(t *testing.T) ([]string, string) {
	want(t, "all")
	path := program(t, "aws")
	return loop(`aws sts get-caller-identity --endpoint-url "$STS" --query Arn --output text | sed 's/^arn:aws:sts::.*assumed-role.*/` + hello + `/'`),
		filepath.Dir(path)
}

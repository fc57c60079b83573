package child

import "strings"

// credentials are the variables that hold a credential, lead to one, or choose one
// instead of ours, by the vendors' own documentation.
var credentials = map[string]struct{}{
	// GitHub Actions: what mints identity tokens, and the runner's own token.
	"ACTIONS_RUNTIME_TOKEN": {},
	// Identity tokens of other CI systems, and what mints them (Buildkite, CircleCI, GitLab before id_tokens, Vercel, Bitbucket).
	"BUILDKITE_AGENT_ACCESS_TOKEN": {}, "CIRCLE_OIDC_TOKEN": {}, "CIRCLE_OIDC_TOKEN_V2": {}, "CI_JOB_JWT": {}, "CI_JOB_JWT_V1": {}, "CI_JOB_JWT_V2": {},
	"VERCEL_OIDC_TOKEN": {}, "BITBUCKET_STEP_OIDC_TOKEN": {},
	// Anthropic SDKs and Claude Code.
	"ANTHROPIC_API_KEY": {}, "ANTHROPIC_AUTH_TOKEN": {}, "ANTHROPIC_FEDERATION_RULE_ID": {}, "ANTHROPIC_PROFILE": {},
	"ANTHROPIC_AWS_API_KEY": {}, "ANTHROPIC_FOUNDRY_API_KEY": {}, "ANTHROPIC_FOUNDRY_AUTH_TOKEN": {},
	"CLAUDE_CODE_OAUTH_TOKEN": {}, "CLAUDE_CODE_OAUTH_REFRESH_TOKEN": {},
	// OpenAI, Codex, Copilot.
	"OPENAI_API_KEY": {}, "OPENAI_ADMIN_KEY": {}, "CODEX_API_KEY": {}, "CODEX_ACCESS_TOKEN": {},
	"COPILOT_GITHUB_TOKEN": {}, "COPILOT_PROVIDER_API_KEY": {},
	// Azure.
	"AZURE_OPENAI_API_KEY": {}, "AZURE_OPENAI_AD_TOKEN": {}, "AZURE_FEDERATED_TOKEN_FILE": {}, "AZURE_CLIENT_SECRET": {},
	"AZURE_CLIENT_CERTIFICATE_PATH": {}, "AZURE_CLIENT_CERTIFICATE_PASSWORD": {}, "AZURE_PASSWORD": {}, "AZURE_CREDENTIALS": {},
	// Azure's managed identities (App Service, Container Apps), and its Terraform provider.
	"IDENTITY_ENDPOINT": {}, "IDENTITY_HEADER": {}, "MSI_ENDPOINT": {}, "MSI_SECRET": {},
	"ARM_CLIENT_SECRET": {}, "ARM_CLIENT_CERTIFICATE": {}, "ARM_CLIENT_CERTIFICATE_PATH": {}, "ARM_CLIENT_CERTIFICATE_PASSWORD": {}, "ARM_ACCESS_KEY": {},
	"ARM_SAS_TOKEN": {}, "ARM_OIDC_TOKEN": {}, "ARM_OIDC_TOKEN_FILE_PATH": {}, "ARM_OIDC_REQUEST_TOKEN": {}, "ARM_OIDC_REQUEST_URL": {},
	// Google.
	"GOOGLE_API_KEY": {}, "GEMINI_API_KEY": {}, "GOOGLE_OAUTH_ACCESS_TOKEN": {}, "CLOUDSDK_AUTH_ACCESS_TOKEN": {},
	"GOOGLE_APPLICATION_CREDENTIALS": {}, "GOOGLE_CREDENTIALS": {}, "GOOGLE_GHA_CREDS_PATH": {},
	"CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": {}, "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": {},
	// AWS.
	"AWS_ACCESS_KEY_ID": {}, "AWS_SECRET_ACCESS_KEY": {}, "AWS_SESSION_TOKEN": {}, "AWS_SECURITY_TOKEN": {},
	"AWS_ACCESS_KEY": {}, "AWS_SECRET_KEY": {}, "AWS_CREDENTIAL_EXPIRATION": {}, "AWS_BEARER_TOKEN_BEDROCK": {},
	"AWS_WEB_IDENTITY_TOKEN_FILE": {}, "AWS_CONTAINER_CREDENTIALS_FULL_URI": {}, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": {},
	"AWS_CONTAINER_AUTHORIZATION_TOKEN": {}, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": {}, "AWS_SHARED_CREDENTIALS_FILE": {},
	// A name only, but it chooses credentials of the user's files before ours.
	"AWS_PROFILE": {}, "AWS_DEFAULT_PROFILE": {},
}

// prefixes are families of which every member goes: GitHub's request variables,
// and the settings from which we obtain credentials.
var prefixes = [...]string{"ACTIONS_ID_TOKEN_REQUEST_", "AWF_AUTH_", "AWF_CRED_"}

// isCredential reports whether a variable must not reach the program. GITHUB_TOKEN
// and proxy variables stay: they are the program's own.
func isCredential(name, value string) bool {
	upper := strings.ToUpper(name)
	if _, ok := credentials[upper]; ok {
		return true
	}
	for _, p := range prefixes {
		if strings.HasPrefix(upper, p) {
			return true
		}
	}
	if strings.Contains(upper, "_IDENTITY_TOKEN") || strings.HasPrefix(upper, "IDENTITY_TOKEN") {
		return true
	}
	if strings.HasPrefix(upper, "AWF_") && endsInSecret(upper) {
		return true
	}
	return upper == "ANTHROPIC_CUSTOM_HEADERS" && namesCredentialHeader(value)
}

// endsInSecret recognises a name that says what it holds.
func endsInSecret(name string) bool {
	for _, end := range [...]string{"_KEY", "_TOKEN", "_SECRET", "_PASSWORD"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// namesCredentialHeader recognises a header that authenticates, in lines of
// "Name: value".
func namesCredentialHeader(lines string) bool {
	for line := range strings.SplitSeq(lines, "\n") {
		name, _, _ := strings.Cut(line, ":")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie":
			return true
		}
	}
	return false
}

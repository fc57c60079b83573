package sandbox

// AnthropicEnv is what gh-aw compiles from a workflow's engine.auth, and the
// address of the token endpoint, which only a stand-in needs. It fits the first
// rule as it is now.
func (s *Sandbox) AnthropicEnv() []string {
	r := s.Rule()
	env := []string{
		"AWF_AUTH_TYPE=github-oidc",
		"AWF_AUTH_PROVIDER=anthropic",
		"AWF_AUTH_OIDC_AUDIENCE=" + r.Audience,
		"AWF_AUTH_ANTHROPIC_FEDERATION_RULE_ID=" + r.ID,
		"AWF_AUTH_ANTHROPIC_ORGANIZATION_ID=" + r.OrganizationID,
		"AWF_AUTH_ANTHROPIC_SERVICE_ACCOUNT_ID=" + r.ServiceAccountID,
		"AWF_AUTH_ANTHROPIC_WORKSPACE_ID=" + r.Workspaces[0],
		"AWF_AUTH_ANTHROPIC_TOKEN_URL=" + s.AnthropicTokenURL(),
	}
	return env
}

// AnthropicTokenURL is the token endpoint.
func (s *Sandbox) AnthropicTokenURL() string { return s.URL(HostAnthropic) + "/v1/oauth/token" }

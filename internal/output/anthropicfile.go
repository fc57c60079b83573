package output

import "github.com/awf-cred/awf-cred/pkg/exchange"

// anthropicCredentials is the credentials file of a profile as Anthropic's SDKs
// read it (Anthropic WIF reference, "Profiles").
type anthropicCredentials struct {
	Version      string `json:"version"`
	Type         string `json:"type"`
	AccessToken  string `json:"access_token"`
	ExpiresAt    int64  `json:"expires_at"` // unix seconds
	Scope        string `json:"scope,omitempty"`
	Organization string `json:"organization_uuid,omitempty"`
	Workspace    string `json:"workspace_id,omitempty"`
}

// AnthropicFile is a credentials file with which an SDK uses our token, and sends
// the beta header that it wants, without an exchange of its own. organization and
// workspace may be empty.
func AnthropicFile(c exchange.Credential, organization, workspace string) ([]byte, error) {
	if c.Kind != exchange.Bearer || c.Provider != "anthropic" {
		return nil, refuse("anthropic-credentials", "a credential of kind "+string(c.Kind)+" ("+c.Provider+") is none of Anthropic's federation",
			"use it with a profile whose provider is anthropic, without a static key")
	}
	if workspace == "default" {
		workspace = "" // a word of the exchange, not the id of a workspace
	}
	return JSON(anthropicCredentials{
		Version: "1.0", Type: "oauth_token", AccessToken: c.Token.Reveal(), ExpiresAt: c.ExpiresAt.Unix(), Scope: c.Scope,
		Organization: organization, Workspace: workspace,
	})
}

// anthropicProfile is the configuration of a profile whose credentials file is all
// there is: the SDKs read the token from it and refresh nothing.
type anthropicProfile struct {
	Version        string `json:"version"`
	Authentication struct {
		Type string `json:"type"`
	} `json:"authentication"`
	Organization string `json:"organization_id,omitempty"`
}

// AnthropicProfile is the file configs/NAME.json beside credentials/NAME.json
// (Anthropic WIF reference, "Profiles"). The workspace is fixed by the exchange and
// is not named: an SDK would send a header for it.
func AnthropicProfile(organization string) ([]byte, error) {
	p := anthropicProfile{Version: "1.0", Organization: organization}
	p.Authentication.Type = "user_oauth"
	return JSON(p)
}

package output

import "strings"

// GCPAccount is what an external_account file says.
type GCPAccount struct {
	Provider       string   // resource name of the workload identity provider, in any of its forms
	ServiceAccount string   // to impersonate; empty for none
	Universe       string   // empty: googleapis.com
	TokenURL       string   // empty: the universe's
	IAMURL         string   // base; empty: the universe's
	QuotaProject   string   // empty for none
	Lifetime       int64    // of the impersonated token, seconds; 0: the service's default
	Command        []string // prints the identity token, absolute path first
}

type gcpFile struct {
	Type             string    `json:"type"`
	Audience         string    `json:"audience"`
	SubjectTokenType string    `json:"subject_token_type"`
	TokenURL         string    `json:"token_url"`
	Universe         string    `json:"universe_domain"`
	QuotaProject     string    `json:"quota_project_id,omitempty"`
	Workforce        string    `json:"workforce_pool_user_project,omitempty"`
	ImpersonationURL string    `json:"service_account_impersonation_url,omitempty"`
	Impersonation    *gcpLife  `json:"service_account_impersonation,omitempty"`
	Source           gcpSource `json:"credential_source"`
}

type gcpLife struct {
	Seconds int64 `json:"token_lifetime_seconds"`
}

type gcpSource struct {
	Executable gcpExecutable `json:"executable"`
}

type gcpExecutable struct {
	Command string `json:"command"`
	Timeout int    `json:"timeout_millis"`
}

// GCPFile is an external_account file whose credential source is a command of
// ours: Google's libraries run it and do the exchange themselves (AIP-4117,
// "Executable-sourced credentials"). It holds no secret.
func GCPFile(a GCPAccount) ([]byte, error) {
	for _, word := range a.Command {
		if word == "" || strings.ContainsAny(word, " \t\r\n") {
			// The libraries split the command at blanks and know no quotes.
			return nil, refuse("gcp-credentials", "the command of the file would hold a blank: "+word, "install awf-cred at a path without blanks")
		}
	}
	universe := a.Universe
	if universe == "" {
		universe = "googleapis.com"
	}
	resource := strings.TrimPrefix(a.Provider, "https:")
	if rest, ok := strings.CutPrefix(resource, "//iam."); ok {
		_, resource, _ = strings.Cut(rest, "/")
	}
	f := gcpFile{
		Type: "external_account", Audience: "//iam." + universe + "/" + resource,
		SubjectTokenType: "urn:ietf:params:oauth:token-type:jwt", TokenURL: a.TokenURL, Universe: universe, QuotaProject: a.QuotaProject,
		Source: gcpSource{gcpExecutable{Command: strings.Join(a.Command, " "), Timeout: 30000}},
	}
	if f.TokenURL == "" {
		f.TokenURL = "https://sts." + universe + "/v1/token"
	}
	if strings.HasPrefix(resource, "locations/") { // of a workforce pool
		f.Workforce, f.QuotaProject = a.QuotaProject, ""
	}
	if a.ServiceAccount != "" {
		base := a.IAMURL
		if base == "" {
			base = "https://iamcredentials." + universe
		}
		f.ImpersonationURL = strings.TrimSuffix(base, "/") + "/v1/projects/-/serviceAccounts/" + a.ServiceAccount + ":generateAccessToken"
		if a.Lifetime > 0 {
			f.Impersonation = &gcpLife{a.Lifetime}
		}
	}
	return JSON(f)
}

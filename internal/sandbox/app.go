package sandbox

import (
	"time"
)

// App is an Entra application with a federated identity credential. Empty fields
// get the values that AzureEnv names.
type App struct {
	TenantID, ClientID string // GUIDs
	// Audience and Subject are the federated credential's; both must be equal,
	// case included.
	Audience, Subject string
	// NoCredential means that the application has no federated credential at all.
	NoCredential bool
	// Scopes are the resources it may ask for.
	Scopes []string
	// Lifetime is that of access tokens; 0 means 3599 s.
	Lifetime time.Duration
}

// SetApp replaces the application.
func (s *Sandbox) SetApp(a App) {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&a.TenantID, "72f988bf-86f1-41af-91ab-2d7cd011db47")
	set(&a.ClientID, "11111111-2222-4333-8444-555555555555")
	set(&a.Audience, "api://AzureADTokenExchange")
	set(&a.Subject, s.Job().subject())
	if len(a.Scopes) == 0 {
		a.Scopes = []string{"https://cognitiveservices.azure.com/.default", "https://ai.azure.com/.default"}
	}
	if a.Lifetime == 0 {
		a.Lifetime = 3599 * time.Second
	}
	s.mu.Lock()
	s.app = a
	s.mu.Unlock()
}

// App is the application as it is now.
func (s *Sandbox) App() App {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.app
}

// AzureTokenURL is the token endpoint of the tenant.
func (s *Sandbox) AzureTokenURL() string {
	return s.URL(HostAzure) + "/" + s.App().TenantID + "/oauth2/v2.0/token"
}

// AzureEnv points a client at the application.
func (s *Sandbox) AzureEnv() []string {
	a := s.App()
	env := []string{
		"AWF_AUTH_TYPE=github-oidc",
		"AWF_AUTH_PROVIDER=azure",
		"AWF_AUTH_AZURE_TENANT_ID=" + a.TenantID,
		"AWF_AUTH_AZURE_CLIENT_ID=" + a.ClientID,
		"AWF_AUTH_AZURE_TOKEN_URL=" + s.AzureTokenURL(),
	}
	return env
}

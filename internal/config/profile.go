package config

import (
	"time"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

// EnvironmentProfile is the name of the profile that is built from the environment.
const EnvironmentProfile = "environment"

// Profile is one service account's configuration, resolved.
type Profile struct {
	Name            string // EnvironmentProfile for the one built from the environment
	FromEnvironment bool
	Provider        string
	ProviderOrigin  Origin

	// Static is set on the static path: the key is handed on as it is, nothing
	// is minted, exchanged or cached, and Identity is empty.
	Static   *Static
	Identity Identity

	// Values are the provider's settings and those of [ProfileFields], by name.
	Values Values
	// Audience is what the profile says of the audience; empty: the provider's default.
	Audience            Setting
	Upstream            Setting // whole URL, empty: the provider's
	BasePath            Setting
	MinTTL              *time.Duration // nil: the rule of the token source
	Cache               string         // file, keyring, auto, memory, none
	CacheOrigin         Origin
	AllowAssertionReuse bool
}

// Static is a provider's long-lived key, found in the environment.
type Static struct {
	Env   string // the variable that holds it
	Value secret.Value
}

// IdentityType says where assertions come from.
type IdentityType string

// The identity sources.
const (
	GitHub  IdentityType = "github"
	File    IdentityType = "file"
	Env     IdentityType = "env"
	Command IdentityType = "command"
)

// Identity is the choice of an identity source.
type Identity struct {
	Type    IdentityType
	Path    string        // for File
	EnvName string        // for Env
	Argv    []string      // for Command
	Timeout time.Duration // for Command: 10 s unless the profile says otherwise
	// KeyEnv are the variables whose values tell one job's command from
	// another's; see [DefaultKeyEnv].
	KeyEnv []string
	Origin Origin
}

// DefaultKeyEnv are the variables that name a job on the common CI systems.
func DefaultKeyEnv() []string {
	return []string{"GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "CI_JOB_ID", "BUILDKITE_JOB_ID"}
}

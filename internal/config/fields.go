package config

import (
	"slices"
	"sync"
	"time"
)

// Bounds of the program's own settings.
const (
	maxTimeout = 24 * time.Hour
	maxMinTTL  = 24 * time.Hour // longer than any credential is trusted
)

// Stores are the words that name a credential store.
func Stores() []string { return []string{"file", "keyring", "auto", "memory", "none"} }

// GlobalFields are the settings of the program itself: flags of every command,
// AWF_CRED_* variables, and, where the name is no choice of file or profile, keys
// at the top of the config file.
func GlobalFields() []Field { return slices.Clone(globalFields()) }

// globalFields is made once, not at every start's initialisation, and not for
// every look at one of them. Nobody changes it.
var globalFields = sync.OnceValue(func() []Field {
	return []Field{
		{Name: "config", Flag: "config", Env: []string{"AWF_CRED_CONFIG"}, Path: true,
			Form: "a path", Help: "config file"},
		{Name: "profile", Flag: "profile", Env: []string{"AWF_CRED_PROFILE"}, Check: checkProfileName,
			Form: "a profile of the config file", Help: "profile of the config file"},
		{Name: "provider", Flag: "provider", Env: []string{"AWF_AUTH_PROVIDER"},
			Form: "a provider", Help: "provider: anthropic, aws, azure, gcp, openai"},
		{Name: "auth_type", Flag: "type", Env: []string{"AWF_AUTH_TYPE"}, Values: []string{"github-oidc"},
			Form: "github-oidc", Help: "authentication type: github-oidc"},
		{Name: "identity", Flag: "identity", Env: []string{"AWF_CRED_IDENTITY"}, Check: checkIdentity,
			Form: "github, file:PATH or env:NAME", Help: "identity source: github, file:PATH or env:NAME"},
		{Name: "cache", Flag: "cache", Env: []string{"AWF_CRED_CACHE"}, Default: "file", Values: Stores(),
			Form: "file, keyring, auto, memory or none", Help: "credential store: file, keyring, auto, memory or none"},
		{Name: "cache_dir", Flag: "cache-dir", Env: []string{"AWF_CRED_CACHE_DIR"}, Path: true,
			Form: "a directory", Help: "cache directory"},
		{Name: "min_ttl", Flag: "min-ttl", Env: []string{"AWF_CRED_MIN_TTL"}, Check: checkDuration(0, maxMinTTL),
			Form: "a duration such as 90s or 2m", Help: "time that a cached credential must have left (default: the smaller of 2m and a quarter of its lifetime)"},
		{Name: "ca_file", Flag: "ca-file", Env: []string{"AWF_CRED_CA_FILE"}, Path: true,
			Form: "a file of PEM certificates", Help: "PEM certificates to trust besides the system's"},
		{Name: "timeout", Flag: "timeout", Env: []string{"AWF_CRED_TIMEOUT"}, Default: "60s", Check: checkDuration(time.Millisecond, maxTimeout),
			Form: "a duration such as 30s or 1m", Help: "deadline of the whole command"},
		{Name: "log_level", Flag: "log-level", Env: []string{"AWF_CRED_LOG_LEVEL"}, Default: "warn", Values: []string{"debug", "info", "warn", "error"},
			Form: "debug, info, warn or error", Help: "log level: debug, info, warn or error"},
		{Name: "log_format", Flag: "log-format", Env: []string{"AWF_CRED_LOG_FORMAT"}, Default: "text", Values: []string{"text", "json"},
			Form: "text or json", Help: "log format: text or json"},
	}
})

// ProfileFields are the settings that every profile has, whatever its provider.
func ProfileFields() []Field {
	return []Field{
		{Name: "audience", Flag: "oidc-audience", Env: []string{"AWF_AUTH_OIDC_AUDIENCE"}, Check: checkAudience,
			Form: "the audience that the provider expects", Help: "audience of the identity token (default: the provider's)"},
		{Name: "upstream", Flag: "upstream", Check: CheckEndpoint,
			Form: "a whole URL such as https://api.example.com", Help: "upstream of serve and exec: a whole URL"},
		{Name: "base_path", Flag: "base-path", Check: checkBasePath,
			Form: "a path such as /v1", Help: "path put before every request's path"},
		{Name: "allow_assertion_reuse", Default: "false", Bool: true,
			Form: "true or false", Help: "an assertion may be sent again: the issuer's check of jti is off"},
	}
}

// fileGlobals are the program's settings that the top of the config file takes.
func fileGlobals() []Field {
	return slices.DeleteFunc(GlobalFields(), func(f Field) bool {
		switch f.Name {
		case "config", "profile", "provider", "auth_type", "identity":
			return true
		}
		return false
	})
}

// profileGlobals are the program's settings that a profile may state for itself.
func profileGlobals() []Field {
	return slices.DeleteFunc(fileGlobals(), func(f Field) bool { return f.Name != "cache" && f.Name != "min_ttl" })
}

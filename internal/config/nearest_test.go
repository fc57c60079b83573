package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/awf-cred/awf-cred/internal/config"
)

func TestNearestFindsWhatWasMeant(t *testing.T) {
	t.Parallel()
	names := []string{"provider", "profile", "profiles", "federation_rule_id", "cache", "cache-dir", "min_ttl"}
	for _, tt := range []struct{ name, given, want string }{
		{"a letter too much", "providers", "provider"},
		{"a letter missing", "provder", "provider"},
		{"neighbours swapped", "cahce", "cache"},
		{"another case", "PROVIDER", "provider"},
		{"a dash for an underscore", "federation-rule-id", "federation_rule_id"},
		{"an underscore for a dash", "cache_dir", "cache-dir"},
		{"itself", "profiles", "profiles"},
		{"the closer of two", "profil", "profile"},
		{"the beginning of one", "federation", "federation_rule_id"},
		{"more than the whole of one", "min_ttl_seconds", "min_ttl"},
		{"the beginning of several", "pro", ""},
		{"too short a beginning", "fe", ""},
		{"nothing like it", "timeout", ""},
		{"nothing", "", ""},
		{"too long to be a name", strings.Repeat("provider", 10), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, config.Nearest(tt.given, names))
		})
	}
	assert.Empty(t, config.Nearest("x", []string{strings.Repeat("x", 100)}))
	assert.Empty(t, config.Nearest("x", []string{"y"}), "one letter of one is all of it")
	assert.Equal(t, "aws", config.Nearest("asw", []string{"gcp", "aws"}))
}

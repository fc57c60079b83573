package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// FuzzFile: whatever the file holds, it is read or refused as a usage error of
// bounded size in printable lines; what was read is the same when read again, and
// every value that is used stands in the file or is a default.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"", twoProfiles, exampleFile(f), "\xef\xbb\xbfversion: 1\n", "a: &a [*a]\n", "profiles:\n  &n p: {}\n  *n : {}\n", "<<: x\n", "version: !!int 1\n",
		"profiles:\n\tp: {}\n", "---\n---\n", "{\"version\": 1}", "? [a]\n: b\n", "\xff\xfev\x00", "serve:\n  listeners:\n    - {profile: p, listen: 'unix:/x', allow: inference}\n",
		"profiles:\n  p: {provider: zeta, policies: [a, b], use_fips: true, identity: {type: command, argv: [x], key_env: [A]}}\n", "profiles: {p: {identity: env:T}}\n",
		"a: |\n  b\n", "a: >-\n b\n", "%YAML 1.1\n---\na: 1\n", "p: *x\n", "min_ttl: 1h1m\ncache: none\n",
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "config.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Skip(err)
		}
		in := inputs(append(acmeEnv(), "AWF_CRED_CONFIG="+path)...)
		c, err := config.Load(in)
		again, errAgain := config.Load(in)
		if (err == nil) != (errAgain == nil) || err != nil && err.Error() != errAgain.Error() {
			t.Fatalf("read twice: %v and %v", err, errAgain)
		}
		fit(t, err)
		fit(t, c.Validate())
		for i, name := range c.ProfileNames() {
			if again.ProfileNames()[i] != name || len(name) == 0 || len(name) > 64 {
				t.Fatalf("profile %q", name)
			}
			if i > 20 {
				break
			}
			p, err := c.Select(name)
			fit(t, err)
			if err != nil {
				continue
			}
			for _, s := range c.Settings(p) {
				known := s.Origin.Kind != config.FromFile || s.Name == "identity" || s.Name == "policies" || s.Name == "provider"
				if plain := !strings.ContainsAny(string(data), `"'|>\&*`+"\r\n "); !known && plain && !strings.Contains(string(data), s.Value) {
					t.Fatalf("%s = %q is not in the file", s.Name, s.Value)
				}
			}
		}
	})
}

// fit checks the form of an error.
func fit(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var p *config.Problems
	if !errors.As(err, &p) || !errors.Is(err, exchange.Usage) {
		t.Fatalf("%v is no usage error", err)
	}
	if len(p.List) == 0 || len(p.List) > 101 {
		t.Fatalf("%d problems", len(p.List))
	}
	for _, one := range p.List {
		for _, text := range append([]string{one.Text, one.Setting}, one.Mend...) {
			if len(text) > 4096 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("%q", text)
			}
		}
	}
}

package identity_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/awf-cred/awf-cred/internal/clock"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/identity"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// FuzzToken: whatever a source holds, it is handed out as the one line that it is,
// or refused by an error of one line without a piece of it.
func FuzzToken(f *testing.F) {
	for _, seed := range []string{"", "\n", jwt(nil), jwt(nil) + "\r\n", "\xef\xbb\xbf" + jwt(nil), jwt(nil) + "\n" + jwt(nil), "a.b.c", "..", jwt(claims{"exp": 1}), jwt(claims{"aud": 1}), "eyJ.\x00.\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		s, err := identity.New(identity.Options{Identity: config.Identity{Type: config.Env, EnvName: "TOKEN"}, Env: []string{"TOKEN=" + raw}, Clock: clock.System{}, GOOS: "linux"})
		if err != nil {
			t.Fatal(err)
		}
		a, err := s.Assertion(t.Context(), "")
		if _, printErr := s.Fingerprint(t.Context()); err == nil && printErr != nil {
			t.Fatalf("a good token without fingerprint: %v", printErr)
		}
		if err == nil {
			if line := a.Token.Reveal(); line != strings.TrimSpace(raw) || strings.ContainsAny(line, " \r\n") || a.ExpiresAt.IsZero() {
				t.Fatalf("%q from %q", line, raw)
			}
			return
		}
		var e *exchange.Error
		if !errors.As(err, &e) || !errors.Is(err, exchange.Identity) || strings.ContainsAny(e.Error(), "\r\n") {
			t.Fatalf("%v", err)
		}
		for _, part := range strings.Split(strings.TrimSpace(raw), ".") {
			if len(part) >= 32 && strings.Contains(e.Error(), part) {
				t.Fatalf("the error %q repeats %q", e, part)
			}
		}
	})
}

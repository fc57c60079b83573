package sandbox

import (
	"context"
	"testing"
)

// Start runs a sandbox for the length of a test. It is closed when the test
// ends, and the test fails if a goroutine of it is left then.
//
// A leak check of your own belongs into a t.Cleanup that is registered before
// Start, so that it runs after the sandbox has gone.
func Start(t testing.TB, opts ...Option) *Sandbox {
	t.Helper()
	cfg := Config{Dir: t.TempDir()}
	for _, o := range opts {
		o(&cfg)
	}
	s, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatalf("sandbox: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("sandbox: %v", err)
		}
	})
	return s
}

package config_test

import (
	"testing"

	"github.com/awf-cred/awf-cred/internal/config"
)

// BenchmarkResolve is what a cache hit pays for its configuration.
func BenchmarkResolve(b *testing.B) {
	in := inputs(acmeEnv("HOME=/nonexistent")...)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := config.Resolve(in, ""); err != nil {
			b.Fatal(err)
		}
	}
}

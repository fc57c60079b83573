package tokensource_test

import (
	"context"
	"testing"
	"time"

	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// The way of every request of a server: the credential in memory.
func BenchmarkCredentialInMemory(b *testing.B) {
	w := newWorld()
	w.took = 0
	s := w.source(func(o *tokensource.Options) { o.Clock = realClock{}; o.Log = nil })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	if _, err := s.Credential(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Credential(ctx); err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	<-done
}

// realClock is the system's clock, with a boot clock that costs nothing.
type realClock struct{}

func (realClock) Now() time.Time                             { return time.Now() }
func (realClock) Boot() time.Duration                        { return 0 }
func (realClock) NewTimer(d time.Duration) tokensource.Timer { return testTimer{time.NewTimer(d)} }

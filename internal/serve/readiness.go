package serve

import (
	"context"
	"slices"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// names are the profiles, in order.
func (s *server) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name := range s.slots {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (s *server) slot(name string) *slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slots[name]
}

// allReady reports whether every profile holds a live credential.
func (s *server) allReady() bool {
	for _, name := range s.names() {
		if !s.slot(name).ready() {
			return false
		}
	}
	return true
}

// watchReadiness tells the service manager once every profile has its credential.
func (s *server) watchReadiness(ctx context.Context) {
	news := make(chan struct{}, 1)
	for _, name := range s.names() {
		stop := s.slot(name).subscribe(func(exchange.Credential) {
			select {
			case news <- struct{}{}:
			default:
			}
		})
		defer stop()
	}
	for {
		select {
		case <-news:
		case <-ctx.Done():
			return
		}
		if s.allReady() {
			s.o.Notify("READY=1\nSTATUS=every profile holds a credential")
			s.log.Info("ready")
			return
		}
	}
}

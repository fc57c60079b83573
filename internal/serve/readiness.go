package serve

import (
	"context"
	"slices"
	"time"

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
			s.announced.Store(true)
			s.o.Notify("READY=1")
			s.log.Info("ready")
			return
		}
	}
}

// watchdog tells the service manager twice in its interval that we live: a ping
// needs the locks that every request needs (sd_watchdog_enabled(3)).
func (s *server) watchdog(ctx context.Context) {
	ticker := time.NewTicker(s.o.Watchdog / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		s.allReady()
		s.open()
		s.o.Notify("WATCHDOG=1")
	}
}

package serve

import (
	"net/http"
)

// metrics is the text of Prometheus' format.
func (s *server) metrics(w http.ResponseWriter, _ *http.Request) {
	var e exposition
	s.gauges(&e)
	s.o.Hub.metrics.render(&e)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(e.b.Bytes()) // the client may have gone
}

// gauges are figures of now.
func (s *server) gauges(e *exposition) {
	type state struct {
		name, provider   string
		expiry, lifetime float64
	}
	var states []state
	for _, name := range s.names() {
		p := s.slot(name)
		if c, _, ok := p.held(); ok && !c.ExpiresAt.IsZero() {
			states = append(states, state{name, p.now.Load().Provider, float64(c.ExpiresAt.UnixMilli()) / 1000, c.Lifetime().Seconds()})
		}
	}
	e.head("awf_cred_credential_expiry_timestamp_seconds", "gauge", "When the credential in use ends.")
	for _, c := range states {
		e.sample("awf_cred_credential_expiry_timestamp_seconds", c.expiry, "profile", c.name, "provider", c.provider)
	}
	e.head("awf_cred_credential_lifetime_seconds", "gauge", "How long the credential in use lives from its issue on.")
	for _, c := range states {
		e.sample("awf_cred_credential_lifetime_seconds", c.lifetime, "profile", c.name, "provider", c.provider)
	}
	var streams, connections int64
	for _, f := range s.fronts {
		stats := f.engine.Stats()
		streams += stats.Streams
		connections += stats.Connections
	}
	goroutines, heap := figures()
	gauge := func(name, help string, value float64) {
		e.head(name, "gauge", help)
		e.sample(name, value)
	}
	gauge("awf_cred_open_streams", "Answers that are being passed on.", float64(streams))
	gauge("awf_cred_open_connections", "Connections of clients.", float64(connections))
	gauge("go_goroutines", "Goroutines.", float64(goroutines))
	gauge("go_memstats_heap_inuse_bytes", "Bytes of the heap in use.", float64(heap))
	if n, known := openFDs(); known {
		gauge("process_open_fds", "Open descriptors.", float64(n))
	}
}

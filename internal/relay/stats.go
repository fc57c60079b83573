package relay

// Stats are figures of a [Server]; the counters only grow.
type Stats struct {
	Connections int64 // open now
	Requests    int64 // served now
	Streams     int64 // of these, with the reply's head sent
	Accepted    uint64
	Finished    uint64 // requests
	BytesIn     uint64
	BytesOut    uint64
}

// Stats folds the counters of all connections. Each has its own, so that a request
// touches nothing that others touch.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := Stats{
		Connections: int64(len(s.conns)),
		Accepted:    s.accepted.Load(),
		Finished:    s.finished.Load(),
		BytesIn:     s.bytesIn.Load(),
		BytesOut:    s.bytesOut.Load(),
	}
	for c := range s.conns {
		switch c.state.Load() {
		case stateStream:
			t.Streams++
			t.Requests++
		case stateRequest:
			t.Requests++
		}
		t.Finished += c.finished.Load()
		t.BytesIn += c.bytesIn.Load()
		t.BytesOut += c.bytesOut.Load()
	}
	return t
}

package sandbox

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// Request is what an endpoint received.
type Request struct {
	Time     time.Time   `json:"time"`
	Host     Host        `json:"host"`
	Endpoint Endpoint    `json:"endpoint"`
	Conn     int64       `json:"conn"` // number of the connection, counted over all hosts
	TLS      bool        `json:"tls"`
	Method   string      `json:"method"`
	Target   string      `json:"target"` // as on the wire
	Proto    string      `json:"proto"`
	Hostname string      `json:"hostname"` // the Host header
	Head     []byte      `json:"-"`        // the raw head with its line ends
	Lines    []string    `json:"lines"`    // the raw header lines in order
	Header   http.Header `json:"-"`
	Trailer  http.Header `json:"trailer,omitempty"`
	// Body is the first Config.RecordBody bytes; BodyLen and BodySHA256 (hex)
	// are about the whole.
	Body       []byte `json:"body"`
	BodyLen    int64  `json:"body_len"`
	BodySHA256 string `json:"body_sha256"`
	// Status is the answer's; 0 if none was begun.
	Status int `json:"status"`
	// Faulted says that a fault acted on the request.
	Faulted bool `json:"faulted,omitempty"`
	// Broken says why the request could not be read whole or is not HTTP.
	Broken string `json:"broken,omitempty"`
	// Identity is the name of the job on whose behalf it came, where known.
	Identity string `json:"identity,omitempty"`
}

// record keeps a request and counts it. It is called before the first byte of
// the answer, so that a client that has its answer finds the record.
func (s *Sandbox) record(r *request, status int, f *Fault, broken error) {
	if r.host == HostAdmin {
		return
	}
	rec := Request{
		Host: r.host, Endpoint: r.endpoint, Conn: r.conn, TLS: r.tls, Method: r.method, Target: r.target,
		Proto: r.proto, Hostname: r.hostname, Head: r.head, Header: r.header, Trailer: r.trailer,
		BodyLen: r.bodyLen, Status: status, Faulted: f != nil, Identity: r.identity,
	}
	if broken != nil {
		rec.Broken = broken.Error()
	}
	keep := s.cfg.Records >= 0
	if keep {
		rec.Lines, rec.BodySHA256 = r.lines(), r.digest()
		rec.Body = r.body
		if limit := s.recordBody(); len(r.body) > limit {
			rec.Body = slices.Clone(r.body[:limit]) // the rest must not be kept alive
		}
	}
	rec.Time = s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally.Endpoints[r.endpoint]++
	if f != nil {
		s.tally.Faulted++
	}
	if broken != nil {
		s.tally.Broken++
	}
	if keep {
		s.keep(rec)
	}
	s.notify()
}

// maxKept bounds the bodies of all records together, bytes.
const maxKept = 256 << 20

// keep appends a record and drops the older half when there is too much; the
// caller holds mu.
func (s *Sandbox) keep(rec Request) {
	s.records = append(s.records, rec)
	s.kept += len(rec.Body)
	if len(s.records) <= s.recordLimit() && s.kept <= maxKept {
		return
	}
	s.records = slices.Clone(s.records[(len(s.records)+1)/2:])
	s.kept = 0
	for _, r := range s.records {
		s.kept += len(r.Body)
	}
}

// faulted counts a fault that acted before there was a request.
func (s *Sandbox) faulted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally.Faulted++
	s.notify()
}

func (s *Sandbox) recordLimit() int {
	if s.cfg.Records == 0 {
		return 20000
	}
	return s.cfg.Records
}

func (s *Sandbox) recordBody() int {
	if s.cfg.RecordBody == 0 {
		return 1 << 20
	}
	return s.cfg.RecordBody
}

// notify wakes Await; the caller holds mu.
func (s *Sandbox) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Requests are the requests that these endpoints received, oldest first;
// without arguments, those of all endpoints. A host's name stands for all its
// endpoints.
func (s *Sandbox) Requests(of ...Endpoint) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Request
	for _, r := range s.records {
		if len(of) == 0 || matches(r, of) {
			out = append(out, r)
		}
	}
	return out
}

func matches(r Request, of []Endpoint) bool {
	for _, e := range of {
		if r.Endpoint == e || string(r.Host) == string(e) {
			return true
		}
	}
	return false
}

// Await blocks until the counters satisfy the condition or ctx ends.
func (s *Sandbox) Await(ctx context.Context, until func(Counts) bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if until(s.Counts()) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return errClosed
		}
	}
}

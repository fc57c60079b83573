package proxy

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/awf-cred/awf-cred/internal/relay"
)

// Reasons is the closed set of reasons for which a request is refused or fails;
// whatever else there might be is counted as [ReasonOther].
func Reasons() []string {
	return []string{
		ReasonUnserved, ReasonForeign, ReasonBrowser, ReasonClientKey, ReasonPath, ReasonUpgrade, ReasonTarget, ReasonHeader,
		ReasonCredential, ReasonInternal,
		relay.ReasonRequestLine, relay.ReasonMethod, relay.ReasonTarget, relay.ReasonTargetLong, relay.ReasonVersion,
		relay.ReasonHost, relay.ReasonField, relay.ReasonFraming, relay.ReasonExpect, relay.ReasonHeaderLarge,
		relay.ReasonHeaderTimeout, relay.ReasonBody, relay.ReasonBodyLarge, relay.ReasonRequests, relay.ReasonBuffer,
		relay.ReasonUpstreamDNS, relay.ReasonUpstreamDial, relay.ReasonUpstreamTLS, relay.ReasonUpstreamHTTP2,
		relay.ReasonUpstreamProxy, relay.ReasonUpstreamReset, relay.ReasonUpstreamTimeout, relay.ReasonUpstreamReply,
		relay.ReasonPanic, relay.ReasonClientGone, ReasonOther,
	}
}

// ReasonOther is a reason that is not in the set.
const ReasonOther = "other"

// Metrics counts the requests of one profile. It is an [Observer] and safe for
// concurrent use. Its labels are fixed: nothing that a client says becomes one.
type Metrics struct {
	codes   [600]atomic.Uint64
	reasons []string // sorted
	refused []atomic.Uint64
	total   Histogram
	first   Histogram
}

// NewMetrics returns counters at zero.
func NewMetrics() *Metrics {
	m := &Metrics{reasons: Reasons()}
	slices.Sort(m.reasons)
	m.refused = make([]atomic.Uint64, len(m.reasons))
	return m
}

// Done counts a request; /health and HEAD / are none.
func (m *Metrics) Done(f *Finished) {
	if f.Own {
		return
	}
	s := &f.Summary
	code := s.Status
	if code < 0 || code >= len(m.codes) {
		code = 0
	}
	m.codes[code].Add(1)
	if s.Refused != "" {
		i, found := slices.BinarySearch(m.reasons, s.Refused)
		if !found {
			i, _ = slices.BinarySearch(m.reasons, ReasonOther)
		}
		m.refused[i].Add(1)
	}
	m.total.Observe(s.Total)
	if s.FirstByte > 0 {
		m.first.Observe(s.FirstByte)
	}
}

// Codes calls f for each status that was answered so far, with the number of
// requests; 0 stands for those that got no answer because their client had left.
func (m *Metrics) Codes(f func(code int, n uint64)) {
	for code := range m.codes {
		if n := m.codes[code].Load(); n > 0 {
			f(code, n)
		}
	}
}

// Refused calls f for every reason, with the number of requests.
func (m *Metrics) Refused(f func(reason string, n uint64)) {
	for i, reason := range m.reasons {
		f(reason, m.refused[i].Load())
	}
}

// Duration is the time of whole requests, FirstByte that to the head of the reply.
func (m *Metrics) Duration() HistogramState { return m.total.State() }

// FirstByte is the time to the head of the reply.
func (m *Metrics) FirstByte() HistogramState { return m.first.State() }

// bounds of the buckets: from a cached reply to a long stream, in seconds.
var bounds = [...]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}

// Histogram counts durations. Its zero value is ready; it is safe for concurrent use.
type Histogram struct {
	counts [len(bounds) + 1]atomic.Uint64
	nanos  atomic.Uint64
}

// Observe adds one duration.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	seconds := d.Seconds()
	i := 0
	for i < len(bounds) && seconds > bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.nanos.Add(uint64(d))
}

// HistogramState is a histogram as Prometheus wants it: Counts[i] durations were at
// most Bounds[i] seconds, Count is the number of all, Sum their seconds.
type HistogramState struct {
	Bounds []float64
	Counts []uint64
	Count  uint64
	Sum    float64
}

// State returns the counts of now.
func (h *Histogram) State() HistogramState {
	s := HistogramState{Bounds: bounds[:], Counts: make([]uint64, len(bounds)), Sum: float64(h.nanos.Load()) / 1e9}
	for i := range h.counts {
		s.Count += h.counts[i].Load()
		if i < len(s.Counts) {
			s.Counts[i] = s.Count
		}
	}
	return s
}

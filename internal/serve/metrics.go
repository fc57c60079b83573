package serve

import (
	"sync"
	"sync/atomic"

	"github.com/awf-cred/awf-cred/internal/proxy"
)

// metrics are the counters of a server. Label sets are closed: profiles of the
// configuration, statuses of three digits, reasons that are constants of ours; a
// client cannot add to them.
type metrics struct {
	exchanges *histogram
	duration  *histogram
	firstByte *histogram

	mu        sync.RWMutex
	refreshes map[refreshLabels]*atomic.Uint64
	refused   map[string]*atomic.Uint64
	requests  map[string]*[600]atomic.Uint64 // by profile, then status
}

type refreshLabels struct{ profile, provider, kind, outcome string }

// mostReasons bounds the reasons of refusals, should one ever not be a constant.
const mostReasons = 64

func newMetrics() *metrics {
	return &metrics{
		exchanges: newHistogram(exchangeBuckets()...),
		duration:  newHistogram(requestBuckets()...),
		firstByte: newHistogram(firstByteBuckets()...),
		refreshes: map[refreshLabels]*atomic.Uint64{},
		refused:   map[string]*atomic.Uint64{},
		requests:  map[string]*[600]atomic.Uint64{},
	}
}

// counter finds or makes the counter of a label.
func counter[K comparable, V any](m *metrics, all map[K]*V, key K, most int) *V {
	m.mu.RLock()
	c := all[key]
	m.mu.RUnlock()
	if c != nil {
		return c
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := all[key]; c != nil {
		return c
	}
	if most > 0 && len(all) >= most {
		return new(V) // counted nowhere rather than without bound
	}
	all[key] = new(V)
	return all[key]
}

func (m *metrics) refresh(profile, provider, kind, outcome string) {
	counter(m, m.refreshes, refreshLabels{profile, provider, kind, outcome}, 0).Add(1)
}

// request counts a finished request. /health and HEAD / are none; what was cut
// before an answer has no status and counts as 499, as nginx does.
func (m *metrics) request(f *proxy.Finished) {
	if f.Own {
		return
	}
	s := &f.Summary
	if s.Refused != "" {
		counter(m, m.refused, s.Refused, mostReasons).Add(1)
	}
	status := s.Status
	if status < 100 || status > 599 {
		status = 499
	}
	counter(m, m.requests, f.Profile, 0)[status].Add(1)
	m.duration.observe(s.Total)
	if s.FirstByte > 0 {
		m.firstByte.observe(s.FirstByte)
	}
}

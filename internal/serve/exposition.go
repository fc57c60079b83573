package serve

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// exposition is text in Prometheus' format 0.0.4.
type exposition struct{ b bytes.Buffer }

// head begins a metric.
func (e *exposition) head(name, kind, help string) {
	e.b.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n")
}

// sample writes one value; labels are pairs of name and value.
func (e *exposition) sample(name string, value float64, labels ...string) {
	e.b.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		e.b.WriteByte("{,"[min(i, 1)])
		e.b.WriteString(labels[i] + `="` + escapeLabel(labels[i+1]) + `"`)
	}
	if len(labels) > 0 {
		e.b.WriteByte('}')
	}
	e.b.WriteByte(' ')
	if value == math.Trunc(value) && math.Abs(value) < 1<<53 {
		e.b.WriteString(strconv.FormatInt(int64(value), 10))
	} else {
		e.b.WriteString(strconv.FormatFloat(value, 'g', -1, 64))
	}
	e.b.WriteByte('\n')
}

// escapeLabel is the format's escaping of a label's value.
func escapeLabel(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}

func (e *exposition) histogram(name, help string, h *histogram) {
	e.head(name, "histogram", help)
	var total uint64
	for i := range h.counts {
		total += h.counts[i].Load()
		le := "+Inf"
		if i < len(h.bounds) {
			le = strconv.FormatFloat(h.bounds[i].Seconds(), 'g', -1, 64)
		}
		e.sample(name+"_bucket", float64(total), "le", le)
	}
	e.sample(name+"_sum", time.Duration(h.sum.Load()).Seconds())
	e.sample(name+"_count", float64(total))
}

// render writes the counters; gauges come from the server.
func (m *metrics) render(e *exposition) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e.head("awf_cred_refreshes_total", "counter", "Renewals of credentials by kind and outcome.")
	for _, l := range sortedKeys(m.refreshes, func(a, b refreshLabels) int {
		return cmp.Or(cmp.Compare(a.profile, b.profile), cmp.Compare(a.kind, b.kind), cmp.Compare(a.outcome, b.outcome))
	}) {
		e.sample("awf_cred_refreshes_total", load(m.refreshes[l]), "profile", l.profile, "provider", l.provider, "kind", l.kind, "outcome", l.outcome)
	}
	e.histogram("awf_cred_exchange_duration_seconds", "Time of exchanges at the token endpoint.", m.exchanges)
	e.head("awf_cred_requests_total", "counter", "Requests by status; 499: the client left before an answer.")
	for _, profile := range sortedKeys(m.requests, cmp.Compare[string]) {
		codes := m.requests[profile]
		for code := range codes {
			if n := codes[code].Load(); n > 0 {
				e.sample("awf_cred_requests_total", float64(n), "profile", profile, "code", strconv.Itoa(code))
			}
		}
	}
	e.histogram("awf_cred_request_duration_seconds", "Time of whole requests.", m.duration)
	e.histogram("awf_cred_time_to_first_byte_seconds", "Time to the head of the answer.", m.firstByte)
	e.head("awf_cred_refused_requests_total", "counter", "Requests that were answered here, by reason.")
	for _, reason := range sortedKeys(m.refused, cmp.Compare[string]) {
		e.sample("awf_cred_refused_requests_total", load(m.refused[reason]), "reason", reason)
	}
}

func load(c *atomic.Uint64) float64 { return float64(c.Load()) }

func sortedKeys[K comparable, V any](m map[K]V, order func(a, b K) int) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, order)
	return keys
}

package serve

import (
	"sync/atomic"
	"time"
)

// histogram counts durations in fixed buckets.
type histogram struct {
	bounds []time.Duration // upper ends, ascending
	counts []atomic.Uint64 // one more than bounds: the last is for what is longer
	sum    atomic.Int64    // nanoseconds
}

func newHistogram(bounds ...time.Duration) *histogram {
	return &histogram{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(h.bounds) && d > h.bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

// The buckets: an exchange takes a tenth of a second to a minute, a request from
// a millisecond to the ten minutes of a long stream.
func exchangeBuckets() []time.Duration {
	const ms = time.Millisecond
	return []time.Duration{25 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms, time.Second, 2500 * ms, 5 * time.Second, 10 * time.Second, 30 * time.Second}
}

func requestBuckets() []time.Duration {
	const ms = time.Millisecond
	return []time.Duration{ms, 5 * ms, 25 * ms, 100 * ms, 250 * ms, 500 * ms, time.Second, 2500 * ms, 5 * time.Second,
		10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute}
}

func firstByteBuckets() []time.Duration {
	const ms = time.Millisecond
	return []time.Duration{ms, 5 * ms, 25 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms, time.Second, 2500 * ms, 5 * time.Second, 10 * time.Second, 30 * time.Second}
}

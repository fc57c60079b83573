package sandbox

import (
	"strconv"
	"strings"
	"time"
)

// shape is how the answer to this request is streamed: as SetStream says, or as
// the request itself asks with X-Sandbox-Events, X-Sandbox-Event-Bytes and
// X-Sandbox-Interval (a duration), so that parallel tests need not share one.
func (s *Sandbox) shape(r *request) Stream {
	s.mu.Lock()
	shape := s.stream
	s.mu.Unlock()
	if n, err := strconv.Atoi(r.header.Get("X-Sandbox-Events")); err == nil {
		shape.Events = n
	}
	if n, err := strconv.Atoi(r.header.Get("X-Sandbox-Event-Bytes")); err == nil {
		shape.EventBytes = n
	}
	if d, err := time.ParseDuration(r.header.Get("X-Sandbox-Interval")); err == nil {
		shape.Interval = d
	}
	if shape.Events <= 0 {
		shape.Events = 3
	}
	return shape
}

// words are the texts of the answer's events.
func (s *Sandbox) words(r *request) []string {
	shape := s.shape(r)
	words := make([]string, shape.Events)
	for i := range words {
		words[i] = [...]string{"Hello", ", ", "world"}[i%3]
		if shape.EventBytes > 0 {
			words[i] = strings.Repeat("x", shape.EventBytes)
		}
	}
	return words
}

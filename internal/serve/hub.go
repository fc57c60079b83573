package serve

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// Hub collects what happens, for metrics and logs. It is safe for concurrent use.
type Hub struct {
	now     func() time.Time
	metrics *metrics
	audit   *LogFile // nil: no audit log
	access  *LogFile // nil: no access log

}

// Account is what the audit log says of a profile, none of it secret. Empty
// fields are what the provider does not have.
type Account struct {
	Profile        string
	Provider       string
	Rule           string
	ServiceAccount string
	Workspace      string
}

// NewHub returns a hub without logs.
func NewHub(now func() time.Time) *Hub { return &Hub{now: now, metrics: newMetrics()} }

// Audit makes l the audit log. It is called before Run.
func (h *Hub) Audit(l *LogFile) { h.audit = l }

// Access makes l the access log. It is called before Run.
func (h *Hub) Access(l *LogFile) { h.access = l }

// Flush writes what the logs hold.
func (h *Hub) Flush() {
	for _, l := range []*LogFile{h.audit, h.access} {
		if l != nil {
			l.Flush()
		}
	}
}

// Close writes what the logs hold and closes them.
func (h *Hub) Close() {
	for _, l := range []*LogFile{h.audit, h.access} {
		if l != nil {
			_ = l.Close() // what could not be written was warned of
		}
	}
}

// Source returns the observer of a profile's token source.
func (h *Hub) Source(a Account) func(tokensource.Event) {
	return func(e tokensource.Event) {
		switch e.Kind {
		case "refresh":
			h.metrics.refresh(a.Profile, a.Provider, e.Refresh, e.Outcome)
		case "exchange":
			h.metrics.exchanges.observe(e.Duration)
		}
		h.auditEvent(&a, &e)
	}
}

// Done counts and logs a finished request.
func (h *Hub) Done(f *proxy.Finished) {
	h.metrics.request(f)
	h.accessLine(f)
}

// run writes what the logs collect, until ctx ends, and then the rest.
func (h *Hub) run(ctx context.Context) {
	var logs sync.WaitGroup
	for _, l := range []*LogFile{h.audit, h.access} {
		if l != nil {
			logs.Go(func() { l.run(ctx) })
		}
	}
	logs.Wait()
}

// reopen opens the logs anew, after they were rotated.
func (h *Hub) reopen() error {
	var problems []error
	for _, l := range []*LogFile{h.audit, h.access} {
		if l != nil {
			problems = append(problems, l.Reopen())
		}
	}
	return errors.Join(problems...)
}

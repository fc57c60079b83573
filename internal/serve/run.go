package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// server is one run.
type server struct {
	o   Options
	log *slog.Logger

	fronts      []*front
	admin       net.Listener
	credentials net.Listener

	group errgroup.Group // everything that ends after the listeners
	front context.Context
	halt  context.CancelCauseFunc // ends front
	back  context.Context

	mu    sync.Mutex // of slots, and of what a reload replaces in fronts
	slots map[string]*slot

	announced atomic.Bool // the service manager knows that we run
	requestID func() string
}

// front is one listener with its engine.
type front struct {
	spec     Listener
	ln       net.Listener
	engine   *relay.Server
	upstream *relay.Upstream
}

// Run serves until ctx ends and everything has drained, and then returns nil. Its
// errors are *exchange.Error: class 2, 6 or 7 when it cannot start, the class of
// the failure when the first credential is refused for good, 7 when the drain had
// to cut requests.
func Run(ctx context.Context, o Options) error {
	if err := o.check(); err != nil {
		return &exchange.Error{Step: "serve", Cause: exchange.Usage, Err: err}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Notify == nil {
		o.Notify = func(string) {}
	}
	s := &server{o: o, log: o.Log, slots: map[string]*slot{}, requestID: proxy.RequestIDs()}
	if err := s.prepare(); err != nil {
		s.closeAll()
		return err
	}
	return s.serve(ctx)
}

// serve starts everything, waits for the end of ctx or a failure, and takes it
// down: the listeners first, what they need afterwards.
func (s *server) serve(ctx context.Context) error {
	s.front, s.halt = context.WithCancelCause(ctx)
	defer s.halt(nil)
	back, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	s.back = back

	s.group.Go(func() error { s.o.Hub.run(back); return nil })
	for _, p := range s.o.Plan.Profiles {
		s.renewFirst(p)
	}
	s.startSinks()
	if s.admin != nil {
		s.group.Go(func() error { return s.serveHTTP(s.admin, s.adminHandler()) })
	}
	if s.credentials != nil {
		s.group.Go(func() error { return s.serveHTTP(s.credentials, s.credentialsHandler()) })
	}
	s.group.Go(func() error { s.watchReadiness(back); return nil })
	s.group.Go(func() error { s.reloads(back); return nil })
	if s.o.Watchdog > 0 {
		s.group.Go(func() error { s.watchdog(back); return nil })
	}

	cut := s.serveFronts()
	if s.o.ReadyFile != "" {
		unpublish(s.o.ReadyFile)
	}
	stop()
	err := s.group.Wait()
	return s.verdict(ctx, cut, err)
}

// serveFronts runs the engines until the front ends and all have drained, and
// returns how many requests were cut.
func (s *server) serveFronts() (cut int) {
	var engines sync.WaitGroup
	cuts := make([]int, len(s.fronts))
	for i, f := range s.fronts {
		engines.Go(func() {
			err := f.engine.Serve(s.front, f.ln)
			s.mu.Lock()
			f.upstream.Close()
			s.mu.Unlock()
			var c *relay.CutError
			switch {
			case errors.As(err, &c):
				cuts[i] = c.Requests
			case err != nil:
				s.halt(cannot("listener "+f.spec.Listen, err))
			}
		})
	}
	<-s.front.Done()
	s.o.Notify("STOPPING=1")
	s.log.Info("draining", "requests", s.open())
	engines.Wait()
	for _, n := range cuts {
		cut += n
	}
	return cut
}

// verdict is how the run ended.
func (s *server) verdict(ctx context.Context, cut int, err error) error {
	if cause := context.Cause(s.front); ctx.Err() == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	if cut > 0 {
		return &exchange.Error{Step: "drain", Cause: exchange.Proxy, Description: cutText(cut),
			Hint: "--drain-timeout gives open requests more time"}
	}
	return err
}

// open is the number of requests that are served now.
func (s *server) open() int64 {
	var n int64
	for _, f := range s.fronts {
		n += f.engine.Stats().Requests
	}
	return n
}

// renewFirst starts the renewals of a profile; a first credential that is refused
// for good ends the server.
func (s *server) renewFirst(p Profile) {
	r := s.renew(p)
	s.slots[p.Name].put(r)
	s.group.Go(func() error {
		<-r.done
		if r.err != nil {
			s.halt(r.err)
		}
		return nil
	})
}

// renew starts the Run of a source.
func (s *server) renew(p Profile) *renewal {
	ctx, stop := context.WithCancel(s.back)
	r := &renewal{Profile: p, stop: stop, done: make(chan struct{})}
	s.group.Go(func() error {
		defer close(r.done)
		defer stop()
		r.err = p.Source.Run(ctx)
		return nil
	})
	return r
}

func cutText(requests int) string {
	if requests == 1 {
		return "1 request was cut at the drain timeout"
	}
	return fmt.Sprintf("%d requests were cut at the drain timeout", requests)
}

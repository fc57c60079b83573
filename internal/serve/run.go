package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"

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
	s := &server{o: o, log: o.Log, slots: map[string]*slot{}}
	if err := s.prepare(); err != nil {
		s.closeAll()
		return err
	}
	return s.serve(ctx)
}

// prepare does everything that can fail, in an order that leaves nothing half
// started behind: the ready file comes last.
func (s *server) prepare() error {
	for _, sink := range s.o.Sinks {
		if err := sink.Check(); err != nil {
			return &exchange.Error{Step: "sink " + sink.Name, Cause: exchange.Storage, Err: err}
		}
	}
	if err := s.bindAll(); err != nil {
		return err
	}
	for _, p := range s.o.Plan.Profiles {
		s.slots[p.Name] = newSlot()
	}
	for _, f := range s.fronts {
		policy, err := s.policy(f.spec, s.slots[f.spec.Profile], f.ln.Addr(), f.upstream)
		if err != nil {
			return err
		}
		f.engine = relay.NewServer(policy, s.o.Relay)
	}
	ready := s.ready()
	if err := publish(ready, s.o.ReadyFile, s.o.ReadyFD); err != nil {
		return err
	}
	s.announce()
	if s.o.Bound != nil {
		s.o.Bound(ready)
	}
	return nil
}

func (s *server) bindAll() (err error) {
	for _, l := range s.o.Plan.Listeners {
		ln := l.Bound
		if ln == nil {
			if ln, err = bind(l.Listen, s.o.AllowRemote, s.o.Key != nil); err != nil {
				return err
			}
		}
		s.fronts = append(s.fronts, &front{spec: l, ln: ln, upstream: relay.NewUpstream(l.Upstream)})
	}
	if s.o.Admin != "" {
		if s.admin, err = bind(s.o.Admin, s.o.AllowRemote, s.o.Key != nil); err != nil {
			return err
		}
	}
	if s.o.Credentials != "" {
		s.credentials, err = bind(s.o.Credentials, s.o.AllowRemote, true)
	}
	return err
}

// closeAll gives back what was bound when the start fails.
func (s *server) closeAll() {
	for _, f := range s.fronts {
		_ = f.ln.Close()
		f.upstream.Close()
	}
	for _, ln := range []net.Listener{s.admin, s.credentials} {
		if ln != nil {
			_ = ln.Close()
		}
	}
}

// policy is how one listener decides.
func (s *server) policy(l Listener, p *slot, addr net.Addr, upstream *relay.Upstream) (*proxy.Policy, error) {
	o := l.Policy
	o.Credentials, o.Upstream, o.Listener, o.Key = p, upstream, addr, s.o.Key
	o.Ready, o.Issued = p.ready, p.issued.Load
	o.Observe, o.Log, o.Now = s.o.Hub, s.log, s.o.Clock.Now
	policy, err := proxy.New(o)
	if err != nil {
		return nil, &exchange.Error{Step: "listener " + l.Listen, Cause: exchange.Usage, Err: err}
	}
	return policy, nil
}

// ready is where everything listens.
func (s *server) ready() Ready {
	r := Ready{PID: os.Getpid(), Listeners: []ReadyListener{}, ClientKey: revealKey(s.o.GeneratedKey)}
	for _, f := range s.fronts {
		l := ReadyListener{Profile: f.spec.Profile, Provider: f.spec.Policy.Provider}
		l.Address, l.URL = describe(f.ln.Addr())
		r.Listeners = append(r.Listeners, l)
	}
	if s.admin != nil {
		_, r.Admin = describe(s.admin.Addr())
	}
	if s.credentials != nil {
		_, url := describe(s.credentials.Addr())
		whole := *url + credentialsPath
		r.CredentialsEndpoint = &whole
	}
	return r
}

// announce says where we listen, and who can use it.
func (s *server) announce() {
	for _, f := range s.fronts {
		address, _ := describe(f.ln.Addr())
		clients := "those who show the client key"
		switch {
		case s.o.Key != nil:
		case f.ln.Addr().Network() == "unix":
			clients = "every process of this user"
		default:
			clients = "every process and user of this machine"
		}
		s.log.Info("listening", "address", address, "profile", f.spec.Profile, "provider", f.spec.Policy.Provider,
			"upstream", f.upstream.Host(), "clients", clients)
	}
	if s.admin != nil {
		s.log.Info("admin listener", "address", s.admin.Addr().String())
	}
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

	cut := s.serveFronts()
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
		return &exchange.Error{Step: "drain", Cause: exchange.Proxy, Description: fmt.Sprintf("%d requests were cut at the drain timeout", cut)}
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

package serve

import (
	"net"
	"os"

	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

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
		var ln net.Listener
		if l.Bound != nil {
			ln, err = admit(l.Bound, s.o.AllowRemote, s.o.Key != nil)
		} else {
			ln, err = bind(l.Listen, s.o.AllowRemote, s.o.Key != nil)
		}
		if err != nil {
			return err
		}
		if peers, ok := ln.(*peerListener); ok {
			if peers.log = s.log; s.o.Key != nil {
				ln = peers.UnixListener // the key says who may, whatever the mode was changed to
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
		if tcp, ok := f.ln.Addr().(*net.TCPAddr); ok && tcp.IP.IsUnspecified() && len(f.spec.Policy.AllowedHosts) == 0 {
			s.log.Warn("listens on every address, and knows no name that clients of other machines use: allow them with --allowed-host", "address", address)
		}
	}
	if s.admin != nil {
		s.log.Info("admin listener", "address", s.admin.Addr().String())
	}
	if s.credentials != nil {
		s.log.Info("credentials endpoint", "address", s.credentials.Addr().String(), "profile", s.o.CredentialsProfile,
			"clients", "those who show the client key")
	}
}

package sandbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// acceptPause keeps an accept loop from spinning when descriptors run out.
const acceptPause = 50 * time.Millisecond

// errClosed ends what waits when the sandbox is closed.
var errClosed = errors.New("the sandbox is closed")

// Sandbox is the running outside world. Make one with Start or Run.
type Sandbox struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	hosts  map[Host]*listener
	ca     *authority
	keys   *keyring
	faults *faultQueue
	client *http.Client

	mu          sync.Mutex
	closed      bool
	changed     chan struct{} // closed and renewed whenever a counter or record changes
	conns       map[*conn]struct{}
	lastConn    int64
	offset      time.Duration
	now         func() time.Time
	jobs        []*Job
	rules       map[string]*Rule
	firstRule   string
	role        Role
	pool        Pool
	app         App
	mapping     Mapping
	stream      Stream
	records     []Request
	kept        int // bytes of bodies in records
	events      []Event
	tally       Counts
	connections map[Host]int
	arrivals    map[string]bool   // assertions that any token endpoint has received
	consumed    map[string]bool   // assertions that a vendor has used up
	minted      map[string]string // jti to the name of the identity it was minted for
	grants      map[string]*grant
}

// Run starts a sandbox. It ends when ctx ends or Close is called, whichever is
// first; in both cases Close waits for the last goroutine.
func Run(ctx context.Context, cfg Config) (*Sandbox, error) {
	if cfg.Address == "" {
		cfg.Address = "127.0.0.1"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Sandbox{cfg: cfg, hosts: map[Host]*listener{}, faults: newFaultQueue(), keys: newKeyring()}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.now, s.stream = cfg.Now, cfg.Stream
	s.conns = map[*conn]struct{}{}
	s.clear()
	if err := s.prepare(); err != nil {
		s.cancel()
		s.closeListeners()
		return nil, err
	}
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.ca.pool}}}
	s.AddIdentity(cfg.Identity)
	s.rules = map[string]*Rule{}
	s.SetRule(cfg.Rule)
	s.SetRole(cfg.Role)
	s.SetPool(cfg.Pool)
	s.SetApp(cfg.App)
	s.SetMapping(cfg.Mapping)
	for _, l := range s.hosts {
		s.wg.Add(1)
		go s.accept(l)
	}
	context.AfterFunc(s.ctx, s.shut)
	return s, nil
}

// prepare does what can fail.
func (s *Sandbox) prepare() (err error) {
	for e, steps := range s.cfg.Faults {
		if err := s.addFault(e, steps...); err != nil {
			return err
		}
	}
	if err := s.checkPorts(); err != nil {
		return err
	}
	if err := s.listen(); err != nil {
		return err
	}
	s.ca, err = newAuthority(s.cfg)
	return err
}

func (s *Sandbox) checkPorts() error {
	known := append(s.Hosts(), HostAdmin)
	for h := range s.cfg.Ports {
		if !slices.Contains(known, h) {
			return fmt.Errorf("no host %q: there are %v", h, known)
		}
	}
	return nil
}

// listen opens every socket before anything is served, so that URLs are known.
func (s *Sandbox) listen() error {
	for _, v := range s.vendors() {
		address := net.JoinHostPort(s.cfg.Address, strconv.Itoa(s.cfg.Ports[v.name]))
		ln, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("listen for %s: %w", v.name, err)
		}
		s.hosts[v.name] = &listener{vendor: v, ln: ln}
	}
	return nil
}

func (s *Sandbox) closeListeners() {
	for _, l := range s.hosts {
		l.ln.Close()
	}
}

// shut stops accepting and ends every connection.
func (s *Sandbox) shut() {
	s.closeListeners()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.conns {
		c.raw.Close()
	}
}

// Close ends the sandbox and waits for its goroutines, at most five seconds.
// It may be called more than once.
func (s *Sandbox) Close() error {
	s.cancel()
	s.shut()
	s.client.CloseIdleConnections()
	s.ca.remove()
	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	limit := time.NewTimer(5 * time.Second)
	defer limit.Stop()
	select {
	case <-done:
		return nil
	case <-limit.C:
		return errors.New("goroutines of the sandbox still run")
	}
}

// Done is closed when the sandbox ends.
func (s *Sandbox) Done() <-chan struct{} { return s.ctx.Done() }

// wait sleeps for d, at most until the sandbox closes.
func (s *Sandbox) wait(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.ctx.Done():
		return errClosed
	}
}

// URL is the base URL of a host in the scheme that Config.TLS chose.
func (s *Sandbox) URL(h Host) string {
	if s.cfg.TLS && h != HostAdmin {
		return s.TLSURL(h)
	}
	return s.PlainURL(h)
}

// PlainURL is the http base URL of a host.
func (s *Sandbox) PlainURL(h Host) string { return "http://" + s.Address(h) }

// TLSURL is the https base URL of a host; CAFile holds the root it needs.
func (s *Sandbox) TLSURL(h Host) string { return "https://" + s.Address(h) }

// Address is HOST:PORT of a host.
func (s *Sandbox) Address(h Host) string { return s.hosts[h].ln.Addr().String() }

// CAFile is a PEM file with the root certificate of every TLS endpoint.
func (s *Sandbox) CAFile() string { return s.ca.file }

// Client is an HTTP client that trusts the sandbox's root.
func (s *Sandbox) Client() *http.Client { return s.client }

// SetStream shapes the event streams from now on.
func (s *Sandbox) SetStream(to Stream) {
	s.mu.Lock()
	s.stream = to
	s.mu.Unlock()
}

package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"
)

type clientConn struct{}

type watchKind int

// UpstreamOptions describe the one host that an [Upstream] speaks to.
type UpstreamOptions struct {
	Scheme  string // "https" or "http"
	Address string // host:port to connect to
	Host    string // value of the Host field; Address without the scheme's default port if empty

	// TLS gives roots and minimum version; relay works on a clone and sets
	// ServerName (from Address, unless it is set), NextProtos, the session cache and
	// DynamicRecordSizingDisabled. nil: the system's roots, TLS 1.2. InsecureSkipVerify
	// is cleared.
	TLS *tls.Config

	// Proxy is the HTTPS_PROXY in between: http or https, with userinfo sent to it
	// as Basic credentials; nil for none. ProxyTLS is its TLS; nil: as TLS.
	Proxy    *url.URL
	ProxyTLS *tls.Config

	// Dial replaces net.Dialer, for tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	DialTimeout           time.Duration // to connect, and again for TLS, 10 s each
	ResponseHeaderTimeout time.Duration // off
	MaxIdle               int           // idle connections kept, 512
	IdleTimeout           time.Duration // how long, 90 s
}

// Upstream is one host with its pool of connections. It is safe for concurrent
// use, and cheap until the first request. A new CA means a new Upstream: requests
// that run keep the old one, which is closed meanwhile.
type Upstream struct{}

// NewUpstream returns an Upstream; it opens nothing.
func NewUpstream(o UpstreamOptions) *Upstream { return &Upstream{} }

// Host returns the value of the Host field that requests to u carry.
func (u *Upstream) Host() string { return "" }

// Close closes idle connections at once, and those in use when their request
// ends. Requests that come later still work, on connections that are not kept.
func (u *Upstream) Close() {}

// UpstreamStats are figures of an Upstream; the counters only grow.
type UpstreamStats struct {
	Idle    int
	Open    int
	Dialed  uint64
	Reused  uint64
	Retried uint64 // requests repeated because a reused connection had died
}

// Stats returns the figures of now.
func (u *Upstream) Stats() UpstreamStats { return UpstreamStats{} }

// Server serves listeners under one policy.
type Server struct{}

// NewServer returns a server; it starts nothing.
func NewServer(p Policy, o Options) *Server { return &Server{} }

// SetPolicy makes p decide on requests that begin from now on.
func (s *Server) SetPolicy(p Policy) {}

// Serve accepts connections from ln until ctx ends, then drains: it stops
// accepting, closes idle connections at once, and gives open requests
// Options.DrainTimeout. It returns nil after a complete drain, a *[CutError] when
// requests had to be cut, and ln's error if accepting fails for good. ln is closed
// and no goroutine is left when it returns. It may be called for several listeners.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error { return errors.ErrUnsupported }

// Stats are figures of a [Server]; the counters only grow.
type Stats struct {
	Connections int64 // open now
	Requests    int64 // served now
	Streams     int64 // of these, with the reply's head sent
	Accepted    uint64
	Finished    uint64 // requests
	BytesIn     uint64
	BytesOut    uint64
}

// Stats folds the counters of all connections.
func (s *Server) Stats() Stats { return Stats{} }

// Serve is NewServer(p, o).Serve(ctx, ln).
func Serve(ctx context.Context, ln net.Listener, p Policy, o Options) error {
	return NewServer(p, o).Serve(ctx, ln)
}

// CutError says how many requests a drain had to cut.
type CutError struct{ Requests int }

func (e *CutError) Error() string {
	return fmt.Sprintf("drain timeout: %d requests were cut", e.Requests)
}

// Buffer reads the whole body, decoded, into memory under the server's budget, for
// a signer; the request then goes out with Framing Length (NoBody stays NoBody),
// without trailers. It may be called in Policy.Request only. A body above limit is
// fault 413, a used-up budget 503, a broken body 400; the policy then returns
// Fault's reply.
func (h *Head) Buffer(limit int64) ([]byte, *Fault) { return nil, nil }

// Kept reports whether all that has been read of the body is still in memory, so
// that Again is possible. It counts in Policy.Response.
func (h *Head) Kept() bool { return false }

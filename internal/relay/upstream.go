package relay

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

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

	DialTimeout           time.Duration // to connect, for a proxy's CONNECT, and for TLS, 10 s each
	ResponseHeaderTimeout time.Duration // off
	MaxIdle               int           // idle connections kept, 512
	IdleTimeout           time.Duration // how long, 90 s
}

// Upstream is one host with its pool of connections. It is safe for concurrent
// use, and cheap until the first request. A new CA means a new Upstream: requests
// that run keep the old one, which is closed meanwhile.
type Upstream struct {
	o        UpstreamOptions
	host     string
	hostLine []byte // "Host: ...\r\n"
	tls      *tls.Config
	proxyTLS *tls.Config
	dialer   net.Dialer
	buffers  *buffers

	mu     sync.Mutex
	small  []*upConn // idle, oldest first
	full   []*upConn // idle, having carried full records: 20 KiB each inside crypto/tls
	closed bool
	sweep  *time.Timer

	open    atomic.Int64
	dialed  atomic.Uint64
	reused  atomic.Uint64
	retried atomic.Uint64
}

// NewUpstream returns an Upstream; it opens nothing.
func NewUpstream(o UpstreamOptions) *Upstream {
	setDefault(&o.DialTimeout, 10*time.Second)
	setDefault(&o.MaxIdle, 512)
	setDefault(&o.IdleTimeout, 90*time.Second)
	u := &Upstream{o: o, host: o.Host, buffers: newBuffers()}
	name, port, err := net.SplitHostPort(o.Address)
	if err != nil {
		name, port = o.Address, ""
	}
	if u.host == "" {
		u.host = o.Address
		if o.Scheme == "https" && port == "443" || o.Scheme == "http" && port == "80" {
			u.host = o.Address[:len(o.Address)-len(port)-1]
		}
	}
	u.hostLine = []byte("Host: " + u.host + "\r\n")
	if o.Scheme == "https" {
		u.tls = clientTLS(o.TLS, name)
		u.tls.NextProtos = []string{"http/1.1"}
	}
	if o.Proxy != nil && o.Proxy.Scheme == "https" {
		from := o.ProxyTLS
		if from == nil && o.TLS != nil {
			from = o.TLS.Clone()
			from.ServerName = ""
		}
		u.proxyTLS = clientTLS(from, o.Proxy.Hostname())
		u.proxyTLS.NextProtos = []string{"http/1.1"}
	}
	return u
}

func clientTLS(from *tls.Config, name string) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if from != nil {
		c = from.Clone()
	}
	if c.MinVersion < tls.VersionTLS12 {
		c.MinVersion = tls.VersionTLS12
	}
	if c.ServerName == "" {
		c.ServerName = name
	}
	c.InsecureSkipVerify = false
	c.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	c.DynamicRecordSizingDisabled = true
	return c
}

// Host returns the value of the Host field that requests to u carry.
func (u *Upstream) Host() string { return u.host }

// UpstreamStats are figures of an Upstream; the counters only grow.
type UpstreamStats struct {
	Idle    int
	Open    int
	Dialed  uint64
	Reused  uint64
	Retried uint64 // requests repeated because a reused connection had died
}

// Stats returns the figures of now.
func (u *Upstream) Stats() UpstreamStats {
	u.mu.Lock()
	idle := len(u.small) + len(u.full)
	u.mu.Unlock()
	return UpstreamStats{
		Idle:    idle,
		Open:    int(u.open.Load()),
		Dialed:  u.dialed.Load(),
		Reused:  u.reused.Load(),
		Retried: u.retried.Load(),
	}
}

package safehttp

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"sync"
	"time"
)

// The bounds of one request.
const (
	MaxBody = 1 << 20 // bytes of an answer's body

	maxHeader  = 64 << 10 // bytes of an answer's head, interim answers included
	maxInterim = 8        // 1xx answers before the final one

	defaultTimeout = 30 * time.Second
	defaultConnect = 10 * time.Second
)

// Options configures a Client. The zero value is usable: system roots, no proxy.
type Options struct {
	// CAFile is a PEM file of certificates that are trusted beside the system's
	// roots; empty for none.
	CAFile string
	// Env looks up HTTPS_PROXY, HTTP_PROXY, NO_PROXY (and in lower case) and
	// REQUEST_METHOD; nil: no proxy.
	Env func(string) string
	// Timeout bounds one request with its answer; 0: 30 s. The context bounds
	// it too.
	Timeout time.Duration
	// Connect bounds name resolution, dial, proxy and TLS together; 0: 10 s.
	Connect time.Duration
}

// Client sends requests that carry secrets. It implements exchange.Doer.
type Client struct {
	proxy   proxyFor
	timeout time.Duration
	connect time.Duration
	roots   func() (*x509.CertPool, error)
	ahead   aheads
}

// New returns a Client, or everything that is wrong with the options: a CA file
// that cannot be read, a proxy that cannot be used.
func New(o Options) (*Client, error) {
	if o.Env == nil {
		o.Env = func(string) string { return "" }
	}
	extra, errCA := readCAFile(o.CAFile)
	proxy, errProxy := readProxy(o.Env)
	if err := errors.Join(errCA, errProxy); err != nil {
		return nil, err
	}
	c := &Client{proxy: proxy, timeout: o.Timeout, connect: o.Connect, ahead: aheads{life: aheadLife}}
	if c.timeout == 0 {
		c.timeout = defaultTimeout
	}
	if c.connect == 0 {
		c.connect = defaultConnect
	}
	// The system's roots take milliseconds to read: not before they are needed.
	c.roots = sync.OnceValues(func() (*x509.CertPool, error) { return pool(extra) })
	return c, nil
}

// Do sends one request over a connection of its own and returns the answer, whose
// body must be closed. Its errors, and those of reading the body, are *[Error].
// The request's body is closed.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer func() { _ = req.Body.Close() }()
	}
	if err := checkURL(req.URL); err != nil {
		return nil, &Error{Kind: Endpoint, Unsent: true, Detail: "the URL " + err.Error(), Err: err}
	}
	ctx, cancel := context.WithTimeout(req.Context(), c.timeout)
	w, err := c.connection(ctx, req.URL)
	if err != nil {
		cancel()
		return nil, err
	}
	res, err := w.roundTrip(ctx, req)
	if err != nil {
		w.close()
		cancel()
		return nil, err
	}
	res.Body = newBody(ctx, cancel, w, res)
	return res, nil
}

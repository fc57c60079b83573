package relay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wait bounds everything that a test waits for.
const wait = 30 * time.Second

// testPolicy passes everything on, with one injected line.
type testPolicy struct {
	up       *Upstream
	request  func(ctx context.Context, h *Head) (*Upstream, *Reply)
	response func(h *Head, r *ReplyHead) Verdict
	trailer  func(fields []Field)

	mu     sync.Mutex
	done   []Summary
	faults []Fault
}

var injected = []byte("Authorization: Bearer injected\r\n")

func (p *testPolicy) Request(ctx context.Context, h *Head) (*Upstream, *Reply) {
	for i := range h.Fields {
		if sameName(h.Fields[i].Name, "authorization") {
			h.Fields[i].Drop = true
		}
	}
	h.Add = append(h.Add, injected...)
	if p.request != nil {
		return p.request(ctx, h)
	}
	return p.up, nil
}

func (p *testPolicy) Response(_ context.Context, h *Head, r *ReplyHead) Verdict {
	if p.response != nil {
		return p.response(h, r)
	}
	return Pass
}

func (p *testPolicy) RequestTrailer(fields []Field) {
	if p.trailer != nil {
		p.trailer(fields)
	}
}

func (p *testPolicy) ReplyTrailer(_ *Head, fields []Field) {
	if p.trailer != nil {
		p.trailer(fields)
	}
}

func (p *testPolicy) Fault(_ *Head, f Fault) *Reply {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, f)
	return &Reply{Status: f.Status, Body: []byte(f.Reason)}
}

func (p *testPolicy) Done(_ *Head, s Summary) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = append(p.done, s)
}

func (p *testPolicy) summaries() []Summary {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Summary(nil), p.done...)
}

// rig is a relay between raw sockets.
type rig struct {
	t      *testing.T
	policy *testPolicy
	server *Server
	net    string
	addr   string
	up     *fakeUpstream
	stop   context.CancelFunc
	ended  chan error
}

type rigOptions struct {
	Options
	plain    bool // upstream without TLS
	unix     bool // clients come over a unix socket
	upstream UpstreamOptions
}

// newRig starts a relay before an upstream whose connections serve handles.
func newRig(t *testing.T, o rigOptions, serve func(c *upstreamConn)) *rig {
	t.Helper()
	r := &rig{t: t, policy: &testPolicy{}, net: "tcp", ended: make(chan error, 1)}
	r.up = newFakeUpstream(t, !o.plain, serve)
	uo := o.upstream
	uo.Scheme, uo.Address = "https", r.up.addr
	if o.plain {
		uo.Scheme = "http"
	}
	uo.TLS = &tls.Config{RootCAs: r.up.roots}
	r.policy.up = NewUpstream(uo)
	t.Cleanup(r.policy.up.Close)
	address := "127.0.0.1:0"
	if o.unix {
		r.net, address = "unix", filepath.Join(t.TempDir(), "s")
	}
	ln, err := net.Listen(r.net, address)
	require.NoError(t, err)
	r.addr = ln.Addr().String()
	if o.DrainTimeout == 0 {
		o.DrainTimeout = -1
	}
	if o.LingerTimeout == 0 {
		o.LingerTimeout = 50 * time.Millisecond
	}
	r.server = NewServer(r.policy, o.Options)
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	go func() { r.ended <- r.server.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		<-r.ended
	})
	return r
}

// result stops the relay and returns what Serve said.
func (r *rig) result() error {
	r.t.Helper()
	if r.server.o.DrainTimeout < 0 {
		eventually(r.t, func() bool { return r.server.Stats().Requests == 0 }, "requests are over")
	}
	r.stop()
	err := r.waitEnd()
	r.ended <- err
	return err
}

func (r *rig) waitEnd() error {
	r.t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(wait):
		r.t.Fatal("Serve did not end")
		return nil
	}
}

// client is a raw connection to the relay.
type client struct {
	net.Conn
	t  *testing.T
	br *bufio.Reader
}

func (r *rig) dial() *client {
	r.t.Helper()
	c, err := net.Dial(r.net, r.addr)
	require.NoError(r.t, err)
	_ = c.SetDeadline(time.Now().Add(wait))
	r.t.Cleanup(func() { _ = c.Close() })
	return &client{Conn: c, t: r.t, br: bufio.NewReader(c)}
}

func (c *client) send(format string, args ...any) {
	c.t.Helper()
	s := format
	if len(args) > 0 {
		s = fmt.Sprintf(format, args...)
	}
	_, err := io.WriteString(c.Conn, s)
	require.NoError(c.t, err)
}

// head reads a raw head, without its empty line.
func (c *client) head() string {
	c.t.Helper()
	s, err := readHead(c.br)
	require.NoError(c.t, err)
	return s
}

// get reads one answer with net/http.
func (c *client) get(method string) (*http.Response, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.br, &http.Request{Method: method})
	require.NoError(c.t, err)
	b, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	return resp, string(b)
}

// rest reads to the end of the connection.
func (c *client) rest() string {
	c.t.Helper()
	b, err := io.ReadAll(c.br)
	require.NoError(c.t, err)
	return string(b)
}

func readHead(br *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return b.String(), err
		}
		if line == "\r\n" {
			return b.String(), nil
		}
		b.WriteString(line)
	}
}

// fakeUpstream records raw requests and answers as a test says.
type fakeUpstream struct {
	addr  string
	roots *x509.CertPool
	wg    sync.WaitGroup

	mu    sync.Mutex
	heads []string
	bytes bytes.Buffer // all that came, of all connections
	conns int
}

// upstreamConn is one connection at the upstream.
type upstreamConn struct {
	net.Conn
	raw net.Conn
	up  *fakeUpstream
	br  *bufio.Reader
	n   int // of the connection
}

type recorder struct {
	net.Conn
	up *fakeUpstream
}

func (r recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.up.mu.Lock()
	r.up.bytes.Write(p[:n])
	r.up.mu.Unlock()
	return n, err
}

func newFakeUpstream(t *testing.T, secure bool, serve func(c *upstreamConn)) *fakeUpstream {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u := &fakeUpstream{addr: ln.Addr().String()}
	cert, roots := testCertificate(t)
	u.roots = roots
	config := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		u.wg.Wait()
	})
	u.wg.Go(func() {
		for {
			raw, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[raw] = true
			mu.Unlock()
			u.wg.Go(func() {
				defer func() {
					mu.Lock()
					delete(open, raw)
					mu.Unlock()
					_ = raw.Close()
				}()
				conn := raw
				if secure {
					s := tls.Server(raw, config)
					if s.Handshake() != nil {
						return
					}
					conn = s
				}
				u.mu.Lock()
				u.conns++
				c := &upstreamConn{Conn: conn, raw: raw, up: u, n: u.conns}
				u.mu.Unlock()
				c.br = bufio.NewReader(recorder{conn, u})
				serve(c)
			})
		}
	})
	return u
}

// head reads the next request's head; empty when the connection ended.
func (c *upstreamConn) head() string {
	s, err := readHead(c.br)
	if err != nil {
		return ""
	}
	c.up.mu.Lock()
	c.up.heads = append(c.up.heads, s)
	c.up.mu.Unlock()
	return s
}

// request reads a request with net/http, body included.
func (c *upstreamConn) request() (*http.Request, string) {
	req, err := http.ReadRequest(c.br)
	if err != nil {
		return nil, ""
	}
	b, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, ""
	}
	return req, string(b)
}

func (c *upstreamConn) send(s string) { _, _ = io.WriteString(c.Conn, s) }

func (u *fakeUpstream) requests() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]string(nil), u.heads...)
}

func (u *fakeUpstream) connections() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.conns
}

func (u *fakeUpstream) received() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.bytes.String()
}

// echo answers every request with what came: the body, and the target in a field.
func echo(c *upstreamConn) {
	for {
		req, body := c.request()
		if req == nil {
			return
		}
		c.send(fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Target: %s\r\nX-Conn: %d\r\nContent-Length: %d\r\n\r\n%s", req.RequestURI, c.n, len(body), body))
	}
}

var testCert = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "test"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:     []string{"upstream.test"},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots
})

func testCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	return testCert()
}

// eventually waits until ok, without a fixed pause.
func eventually(t *testing.T, ok func() bool, what string) {
	t.Helper()
	require.Eventually(t, ok, wait, time.Millisecond, what)
}

func policyAnswer(reply *Reply) func(context.Context, *Head) (*Upstream, *Reply) {
	return func(context.Context, *Head) (*Upstream, *Reply) {
		r := *reply
		return nil, &r
	}
}

func failingDial(err error) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) { return nil, err }
}

// faultOf sends one request to an upstream and returns the reason of the fault.
func faultOf(t *testing.T, o UpstreamOptions) string {
	t.Helper()
	r := newRig(t, rigOptions{}, echo)
	u := NewUpstream(o)
	t.Cleanup(u.Close)
	r.policy.request = func(context.Context, *Head) (*Upstream, *Reply) { return u, nil }
	c := r.dial()
	c.send(get)
	resp, body := c.get("GET")
	require.GreaterOrEqual(t, resp.StatusCode, 502)
	r.policy.mu.Lock()
	defer r.policy.mu.Unlock()
	require.Len(t, r.policy.faults, 1)
	require.NotContains(t, r.policy.faults[0].Err.Error(), "s3cret")
	return body
}

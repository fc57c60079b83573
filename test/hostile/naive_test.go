package hostile

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// naive is a proxy that sets the credential with the standard library and strips
// what everybody thinks of. It stands for what this suite must be able to see.
type naive struct {
	*inProcess
	ln net.Listener
}

func (n *naive) Dial(Role, string) (net.Conn, error) { return net.Dial("tcp", n.ln.Addr().String()) }
func (n *naive) Address(Role) string                 { return n.ln.Addr().String() }

// TestTheSuiteSeesTheHolesOfReverseProxy shows that a miss is seen: the standard
// library's proxy has more than a hundred on these rows, among them credentials of
// the client that arrive.
func TestTheSuiteSeesTheHolesOfReverseProxy(t *testing.T) {
	if testing.Short() {
		t.Skip("many misses take their time")
	}
	t.Parallel()
	u, err := NewUpstream()
	require.NoError(t, err)
	defer u.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	target := &naive{inProcess: &inProcess{keyText: newKey(), bearer: "sk-ant-oat01-" + newSecret()}, ln: ln}
	upstream := &url.URL{Scheme: "http", Host: u.Address()}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	quiet := log.New(io.Discard, "", 0)
	server := &http.Server{ErrorLog: quiet, Handler: &httputil.ReverseProxy{Transport: transport, ErrorLog: quiet, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(upstream)
		for _, name := range []string{"X-Api-Key", "Api-Key", "X-Goog-Api-Key", "Cookie"} {
			r.Out.Header.Del(name)
		}
		r.Out.Header.Set("Authorization", "Bearer "+target.bearer)
	}}}
	go func() { _ = server.Serve(ln) }()
	defer server.Close()

	s, err := NewSuite(target, u)
	require.NoError(t, err)
	defer s.Close()
	s.Patience, s.Closing = 150*time.Millisecond, 50*time.Millisecond
	for _, role := range Roles() {
		s.base[role] = Figures{Goroutines: 1 << 20, Descriptors: 1 << 20, Memory: 1 << 40}
	}
	misses := map[string]int{}
	total, leaks := 0, 0
	for _, g := range Groups()[:7] {
		for _, c := range g.Cases {
			if err := s.Run(c, "tcp"); err != nil {
				misses[g.Name]++
				total++
				if errors.Is(err, errLeak) {
					leaks++
				}
			}
		}
		assert.NotZero(t, misses[g.Name], g.Name)
	}
	t.Logf("%d misses, %d leaks: %v", total, leaks, misses)
	assert.Greater(t, total, 100)
	assert.Greater(t, leaks, 30)
}

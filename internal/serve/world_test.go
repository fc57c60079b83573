//go:build unix

package serve_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/clock"
	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/internal/sandbox"
	"github.com/awf-cred/awf-cred/internal/serve"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// world is a sandbox and a server in front of it.
type world struct {
	t        *testing.T
	sb       *sandbox.Sandbox
	hub      *serve.Hub
	options  serve.Options
	hangup   chan struct{}
	log      *safeBuffer
	lifetime time.Duration
	clock    tokensource.Clock

	exchanges atomic.Int64
	answer    atomic.Pointer[error] // of the next exchanges; nil: a token

	ready serve.Ready
	stop  context.CancelFunc
	done  chan error
}

// safeBuffer is a log that tests read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, sb: sandbox.Start(t), hangup: make(chan struct{}, 1), log: &safeBuffer{}, lifetime: time.Hour, clock: clock.System{}}
	w.hub = serve.NewHub(time.Now)
	w.options = serve.Options{
		Clock: clock.System{}, Hangup: w.hangup, Log: slog.New(slog.NewTextHandler(w.log, nil)),
		Relay: relay.Options{DrainTimeout: 10 * time.Second},
		Admin: "127.0.0.1:0",
	}
	return w
}

// plan is one profile with one listener.
func (w *world) plan() serve.Plan {
	return serve.Plan{Profiles: []serve.Profile{w.profile("p", "1")}, Listeners: []serve.Listener{w.listener("p", "127.0.0.1:0")}}
}

func (w *world) profile(name, revision string) serve.Profile {
	source, err := tokensource.New(tokensource.Options{
		Provider: "anthropic", Profile: name, Identity: job{}, Exchanger: granter{w}, Clock: w.clock,
		Observe: w.hub.Source(serve.Account{Profile: name, Provider: "anthropic", Rule: "fdrl_1", ServiceAccount: "svac_1"}),
	})
	require.NoError(w.t, err)
	return serve.Profile{Name: name, Provider: "anthropic", Source: source, Revision: revision}
}

func (w *world) listener(profile, listen string) serve.Listener {
	u, err := url.Parse(w.sb.URL(sandbox.HostAnthropic))
	require.NoError(w.t, err)
	return serve.Listener{
		Profile: profile, Listen: listen,
		Upstream: relay.UpstreamOptions{Scheme: u.Scheme, Address: u.Host},
		Policy:   proxy.Options{Profile: profile, Provider: "anthropic", Inject: proxy.Anthropic(""), StartupTimeout: 5 * time.Second},
	}
}

// start runs the server until the end of the test and returns when it is bound.
func (w *world) start(change ...func(*serve.Options)) *world {
	w.t.Helper()
	w.options.Hub = w.hub
	if len(w.options.Plan.Profiles) == 0 {
		w.options.Plan = w.plan()
	}
	for _, f := range change {
		f(&w.options)
	}
	bound := make(chan serve.Ready, 1)
	w.options.Bound = func(r serve.Ready) { bound <- r }
	ctx, stop := context.WithCancel(context.Background())
	w.stop, w.done = stop, make(chan error, 1)
	go func() { w.done <- serve.Run(ctx, w.options) }()
	w.t.Cleanup(func() {
		stop()
		select {
		case <-w.done:
		case <-time.After(20 * time.Second):
			w.t.Error("the server does not end")
		}
	})
	select {
	case w.ready = <-bound:
	case err := <-w.done:
		w.done <- err
		w.t.Fatalf("the server did not start: %v", err)
	}
	return w
}

// end stops the server and returns its verdict.
func (w *world) end() error {
	w.t.Helper()
	w.stop()
	err := <-w.done
	w.done <- err
	return err
}

// try is what Run returns for a server that does not start.
func (w *world) try(change ...func(*serve.Options)) error {
	w.options.Hub = w.hub
	w.options.Plan = w.plan()
	for _, f := range change {
		f(&w.options)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	return serve.Run(ctx, w.options)
}

func (w *world) url() string { return *w.ready.Listeners[0].URL }

const question = `{"model":"claude-sandbox","max_tokens":16,"messages":[{"role":"user","content":"hello"}]}`

// message asks the Messages API through the server.
func (w *world) message(base string, header ...string) (int, string) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodPost, base+"/v1/messages", strings.NewReader(question))
	require.NoError(w.t, err)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return w.do(http.DefaultClient, req)
}

func (w *world) do(client *http.Client, req *http.Request) (int, string) {
	w.t.Helper()
	res, err := client.Do(req)
	require.NoError(w.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return res.StatusCode, string(body)
}

// get asks any URL.
func (w *world) get(url string) (int, string) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	require.NoError(w.t, err)
	return w.do(http.DefaultClient, req)
}

func (w *world) awaitReady() {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		status, _ := w.get(*w.ready.Admin + "/readyz")
		return status == 200
	}, 10*time.Second, 5*time.Millisecond)
}

func (w *world) fail(err error) {
	if err == nil {
		w.answer.Store(nil)
		return
	}
	w.answer.Store(&err)
}

// fastClock passes times as fast as the real one, for waits of the token source.
type fastClock struct {
	base  time.Time
	times int
}

func (c fastClock) Now() time.Time { return c.base.Add(time.Since(c.base) * time.Duration(c.times)) }

func (fastClock) Boot() time.Duration { return 0 }

func (c fastClock) NewTimer(d time.Duration) tokensource.Timer {
	return fastTimer{time.NewTimer(d / time.Duration(c.times))}
}

type fastTimer struct{ t *time.Timer }

func (t fastTimer) C() <-chan time.Time { return t.t.C }
func (t fastTimer) Stop() bool          { return t.t.Stop() }

type job struct{}

func (job) Fingerprint(context.Context) (string, error) { return "job", nil }
func (job) Assertion(context.Context, string) (exchange.Assertion, error) {
	return exchange.Assertion{Token: secret.New("a.b.c"), ID: strings.Repeat("ab", 32), Subject: "repo:o/r", Audience: []string{"aud"}}, nil
}

// granter grants tokens that the sandbox's API takes.
type granter struct{ w *world }

func (granter) Audience() string                  { return "aud" }
func (granter) Fingerprint() string               { return "x" }
func (granter) SingleUse(exchange.Assertion) bool { return false }
func (g granter) Exchange(context.Context, exchange.Assertion) (exchange.Credential, error) {
	g.w.exchanges.Add(1)
	if err := g.w.answer.Load(); err != nil {
		return exchange.Credential{}, *err
	}
	now := g.w.clock.Now()
	return exchange.Credential{Provider: "anthropic", Kind: exchange.Bearer, RequestID: "req_1",
		Token: secret.New(g.w.sb.GrantToken("anthropic", g.w.lifetime)), IssuedAt: now, ExpiresAt: now.Add(g.w.lifetime)}, nil
}

var (
	errRefused = &exchange.Error{Provider: "anthropic", Step: "exchange", Cause: exchange.Refused, Status: 401, Code: "invalid_grant"}
	errDown    = &exchange.Error{Provider: "anthropic", Step: "exchange", Cause: exchange.Unavailable, Status: 503, Retries: exchange.RetryAlways}
)

// over is a client on a unix socket.
func over(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
}

func requireClass(t *testing.T, err error, want exchange.Cause) {
	t.Helper()
	require.Error(t, err)
	require.True(t, errors.Is(err, want), "class %s, got: %v", want, err)
	assert.NotContains(t, err.Error(), "\n")
}

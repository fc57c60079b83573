package proxy_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

const (
	token     = "sk-ant-oat01-SANDBOX-0123456789abcdefghij"
	clientKey = "Client.Key_for-tests~0123456789"
)

// source gives what the test says.
type source struct {
	mu          sync.Mutex
	c           exchange.Credential
	err         error
	wait        bool // until ctx ends
	invalidated int
}

func (s *source) Credential(ctx context.Context) (exchange.Credential, error) {
	if s.wait {
		<-ctx.Done()
		return exchange.Credential{}, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.c, s.err
}

func (s *source) Invalidate(exchange.Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.invalidated++
}

func bearer() *source {
	return &source{c: exchange.Credential{Kind: exchange.Bearer, Token: secret.New(token)}}
}

var loopback = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 10001}

func policy(t testing.TB, change ...func(*proxy.Options)) *proxy.Policy {
	t.Helper()
	o := proxy.Options{Profile: "review", Provider: "anthropic", Credentials: bearer(), Inject: proxy.Anthropic(""),
		Upstream: relay.NewUpstream(relay.UpstreamOptions{Scheme: "https", Address: "api.anthropic.com:443", Host: "api.anthropic.com"}),
		Listener: loopback, Now: time.Now}
	for _, f := range change {
		f(&o)
	}
	p, err := proxy.New(o)
	require.NoError(t, err)
	return p
}

func keyed(t testing.TB) func(*proxy.Options) {
	return func(o *proxy.Options) {
		k, err := proxy.NewKey(secret.New(clientKey))
		require.NoError(t, err)
		o.Key = k
	}
}

// head is a request head as relay hands it over. Host is localhost unless a line
// says otherwise.
func head(method, target string, lines ...string) *relay.Head {
	h := &relay.Head{Method: []byte(method), Target: []byte(target), Host: []byte("localhost"), Minor: 1, Local: loopback}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ":")
		value = strings.Trim(value, " \t")
		if name == "Host" {
			h.Host = []byte(value)
		}
		h.Fields = append(h.Fields, relay.Field{Name: []byte(name), Value: []byte(value), Drop: name == "Host"})
	}
	return h
}

// written are the header lines that relay would write.
func written(h *relay.Head) []string {
	var lines []string
	for _, f := range h.Fields {
		if !f.Drop {
			lines = append(lines, string(f.Name)+": "+string(f.Value))
		}
	}
	added := strings.Split(strings.TrimSuffix(string(h.Add), "\r\n"), "\r\n")
	if len(h.Add) > 0 {
		lines = append(lines, added...)
	}
	return lines
}

type errorBody struct {
	Error struct {
		Message   string `json:"message"`
		Type      string `json:"type"`
		Provider  string `json:"provider"`
		Port      *int   `json:"port"`
		Retryable bool   `json:"retryable"`
		RequestID string `json:"request_id"`
	} `json:"error"`
}

func decode(t testing.TB, r *relay.Reply) errorBody {
	t.Helper()
	var b errorBody
	d := json.NewDecoder(strings.NewReader(string(r.Body)))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&b), string(r.Body))
	return b
}

func value(r *relay.Reply, name string) string {
	for _, f := range r.Fields {
		if strings.EqualFold(string(f.Name), name) {
			return string(f.Value)
		}
	}
	return ""
}

func TestEveryProblemOfTheOptionsIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := proxy.New(proxy.Options{StartupTimeout: -1, BasePath: "v1"})
	for _, word := range []string{"profile", "provider", "credentials", "injector", "upstream", "listener", "startup timeout", "base path"} {
		assert.ErrorContains(t, err, word)
	}
}

func TestTheGuard(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		head   *relay.Head
		status int
		reason string
		close  bool
	}{
		{"GET passes", head("GET", "/v1/models"), 0, "", false},
		{"PATCH passes", head("PATCH", "/v1/x"), 0, "", false},
		{"TRACE would echo headers", head("TRACE", "/v1"), 405, proxy.ReasonUnserved, true},
		{"TRACK is TRACE under another name", head("TRACK", "/v1"), 405, proxy.ReasonUnserved, true},
		{"a method in lower case is another method", head("get", "/v1"), 501, proxy.ReasonUnserved, true},
		{"an unknown method is not passed on", head("PURGE", "/v1"), 501, proxy.ReasonUnserved, true},
		{"a loopback name with any port is ours", head("GET", "/v1", "Host: LOCALHOST:9"), 0, "", false},
		{"the IPv6 loopback is ours", head("GET", "/v1", "Host: [::1]:10001"), 0, "", false},
		{"a page's own name is not ours", head("GET", "/v1", "Host: evil.test"), 421, proxy.ReasonForeign, true},
		{"a name that begins like ours is not ours", head("GET", "/v1", "Host: localhost.evil.test"), 421, proxy.ReasonForeign, true},
		{"a trailing dot makes another name", head("GET", "/v1", "Host: localhost."), 421, proxy.ReasonForeign, true},
		{"a mapped address is another name", head("GET", "/v1", "Host: [::ffff:127.0.0.1]"), 421, proxy.ReasonForeign, true},
		{"any Origin is a web page", head("GET", "/v1", "origin: null"), 403, proxy.ReasonBrowser, false},
		{"Sec-Fetch-Site of another site", head("GET", "/v1", "Sec-Fetch-Site: Cross-Site"), 403, proxy.ReasonBrowser, false},
		{"Sec-Fetch-Site with an underscore", head("GET", "/v1", "Sec_Fetch_Site: same-site"), 403, proxy.ReasonBrowser, false},
		{"Sec-Fetch-Site none is an address bar", head("GET", "/v1", "Sec-Fetch-Site: none"), 0, "", false},
		{"an image of another page", head("GET", "/v1", "Sec-Fetch-Mode: no-cors", "Referer: http://evil.test/x"), 403, proxy.ReasonBrowser, false},
		{"a referer that names us as user", head("GET", "/v1", "Sec-Fetch-Mode: no-cors", "Referer: http://localhost@evil.test/"), 403, proxy.ReasonBrowser, false},
		{"a referer alone says nothing", head("GET", "/v1", "Referer: http://evil.test/x"), 0, "", false},
		{"/health is guarded too", head("GET", "/health", "Host: evil.test"), 421, proxy.ReasonForeign, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u, reply := policy(t).Request(t.Context(), tt.head)
			if tt.status == 0 {
				require.Nil(t, reply)
				assert.NotNil(t, u)
				return
			}
			require.NotNil(t, reply)
			assert.Nil(t, u)
			assert.Equal(t, tt.status, reply.Status)
			assert.Equal(t, tt.reason, reply.Refused)
			assert.Equal(t, tt.close, reply.Close)
			b := decode(t, reply)
			assert.Equal(t, "anthropic", b.Error.Provider)
			assert.Equal(t, 10001, *b.Error.Port)
			assert.False(t, b.Error.Retryable)
			assert.Regexp(t, `^awf_[0-9a-f]{16}$`, b.Error.RequestID)
			assert.Equal(t, "application/json", value(reply, "Content-Type"))
		})
	}
}

func TestTheNamesOfAListener(t *testing.T) {
	t.Parallel()
	remote := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 10001}
	every := &net.TCPAddr{IP: net.IPv6zero, Port: 10001}
	tests := []struct {
		name     string
		listener net.Addr
		allowed  []string
		host     string
		ok       bool
	}{
		{"a remote listener answers to its address", remote, nil, "192.0.2.7:10001", true},
		{"a remote listener has no loopback names", remote, nil, "localhost", false},
		{"a listener on every address needs allowed names", every, nil, "192.0.2.7", false},
		{"an allowed name", every, []string{"Proxy.Test"}, "proxy.test:1", true},
		{"an allowed name with a port counts without it", every, []string{"proxy.test:99"}, "proxy.test", true},
		{"a unix listener takes loopback names", &net.UnixAddr{Name: "/run/x", Net: "unix"}, nil, "127.0.0.1", true},
		{"an IPv6 address stands in brackets", &net.TCPAddr{IP: net.ParseIP("2001:db8::1")}, nil, "[2001:DB8::1]:5", true},
		{"another loopback address is its listener's", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, nil, "127.0.0.2", true},
		{"and nobody else's", loopback, nil, "127.0.0.2", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := policy(t, func(o *proxy.Options) { o.Listener, o.AllowedHosts = tt.listener, tt.allowed })
			_, reply := p.Request(t.Context(), head("GET", "/v1", "Host: "+tt.host))
			assert.Equal(t, tt.ok, reply == nil)
		})
	}
}

func TestErrorsOnAUnixSocketHaveNoPort(t *testing.T) {
	t.Parallel()
	p := policy(t, func(o *proxy.Options) { o.Listener = &net.UnixAddr{Name: "/run/x", Net: "unix"} })
	_, reply := p.Request(t.Context(), head("TRACE", "/"))
	assert.Nil(t, decode(t, reply).Error.Port)
	assert.Equal(t, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", value(reply, "Allow"))
}

func TestTheClientKey(t *testing.T) {
	t.Parallel()
	basic := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	tests := []struct {
		name   string
		target string
		lines  []string
		want   string // target upstream; empty: refused
	}{
		{"no key", "/v1/messages", nil, ""},
		{"as a bearer token", "/v1/messages", []string{"Authorization: Bearer " + clientKey}, "/v1/messages"},
		{"as a bearer token, scheme in any case", "/v1/messages", []string{"authorization: bEARER " + clientKey}, "/v1/messages"},
		{"as the password of Basic", "/v1/messages", []string{"Authorization: Basic " + basic("x:"+clientKey)}, "/v1/messages"},
		{"as the user of Basic", "/v1/messages", []string{"Authorization: Basic " + basic(clientKey+":x")}, ""},
		{"Basic that is no base64", "/v1/messages", []string{"Authorization: Basic !!!"}, ""},
		{"in x-api-key", "/v1/messages", []string{"X-Api-Key: " + clientKey}, "/v1/messages"},
		{"in api_key", "/v1/messages", []string{"api_key: " + clientKey}, "/v1/messages"},
		{"in x-goog-api-key", "/v1/messages", []string{"x-goog-api-key: " + clientKey}, "/v1/messages"},
		{"in x-auth-token, which is no key header", "/v1/messages", []string{"x-auth-token: " + clientKey}, ""},
		{"a wrong one", "/v1/messages", []string{"X-Api-Key: " + clientKey + "x"}, ""},
		{"a prefix", "/v1/messages", []string{"X-Api-Key: " + clientKey[:20]}, ""},
		{"right and wrong", "/v1/messages", []string{"X-Api-Key: " + clientKey, "Authorization: Bearer sk-other-0123456789"}, ""},
		{"right twice", "/v1/messages", []string{"X-Api-Key: " + clientKey, "Authorization: Bearer " + clientKey}, "/v1/messages"},
		{"as the first segment", "/" + clientKey + "/v1/messages?a=1", nil, "/v1/messages?a=1"},
		{"as the first segment beside a wrong header", "/" + clientKey + "/v1/messages", []string{"X-Api-Key: wrong"}, "/v1/messages"},
		{"as the only segment", "/" + clientKey, nil, "/"},
		{"as the only segment with a query", "/" + clientKey + "?a=1", nil, "/?a=1"},
		{"as the second segment", "/v1/" + clientKey, nil, ""},
		{"as the first segment, escaped", "/%43" + clientKey[1:] + "/v1", nil, ""},
		{"in front of a network path", "/" + clientKey + "//evil.test/v1", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := policy(t, keyed(t))
			h := head("POST", tt.target, tt.lines...)
			_, reply := p.Request(t.Context(), h)
			if tt.want == "" {
				require.NotNil(t, reply)
				assert.Contains(t, []int{401, 400}, reply.Status)
				assert.NotContains(t, string(reply.Body), clientKey)
				return
			}
			require.Nil(t, reply)
			assert.Equal(t, tt.want, string(h.Target))
			assert.NotContains(t, strings.Join(written(h), "\n"), clientKey)
		})
	}
}

func TestARefusalDoesNotDependOnTheGuess(t *testing.T) {
	t.Parallel()
	p := policy(t, keyed(t))
	var texts []string
	for _, guess := range []string{clientKey[:30], "x", "", clientKey + "0"} {
		_, reply := p.Request(t.Context(), head("GET", "/v1", "x-api-key: "+guess))
		b := decode(t, reply)
		b.Error.RequestID = ""
		text, err := json.Marshal(b)
		require.NoError(t, err)
		texts = append(texts, string(text))
		assert.Equal(t, 401, reply.Status)
		assert.False(t, reply.Close)
	}
	for _, text := range texts {
		assert.Equal(t, texts[0], text)
	}
}

func TestAKeyIsReplacedForRequestsThatFollow(t *testing.T) {
	t.Parallel()
	k, err := proxy.NewKey(secret.New(clientKey))
	require.NoError(t, err)
	p := policy(t, func(o *proxy.Options) { o.Key = k })
	const next = "another-client-key-0123"
	require.NoError(t, k.Set(secret.New(next)))
	_, reply := p.Request(t.Context(), head("GET", "/v1", "x-api-key: "+clientKey))
	require.NotNil(t, reply)
	_, reply = p.Request(t.Context(), head("GET", "/v1", "x-api-key: "+next))
	assert.Nil(t, reply)
	assert.Error(t, k.Set(secret.New("short")), "a bad key does not replace a good one")
	_, reply = p.Request(t.Context(), head("GET", "/v1", "x-api-key: "+next))
	assert.Nil(t, reply)
}

func TestTheFormOfAClientKey(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "fifteen-chars-x", strings.Repeat("k", 257), "with blank 0123456", "with/slash/0123456", "ünicode-0123456789", "percent%20-0123456"} {
		assert.Error(t, proxy.CheckKey(bad), bad)
	}
	assert.NoError(t, proxy.CheckKey(strings.Repeat("k", 256)))
	assert.NoError(t, proxy.CheckKey("sixteen-chars-.~"))
}

func TestWhatIsAnsweredHere(t *testing.T) {
	t.Parallel()
	ready := false
	p := policy(t, keyed(t), func(o *proxy.Options) { o.Ready = func() bool { return ready } })
	_, reply := p.Request(t.Context(), head("HEAD", "/"))
	assert.Equal(t, 200, reply.Status)
	_, reply = p.Request(t.Context(), head("HEAD", "/"+clientKey+"?x"))
	assert.Equal(t, 200, reply.Status)
	_, reply = p.Request(t.Context(), head("GET", "/health"))
	assert.Equal(t, 503, reply.Status)
	assert.JSONEq(t, `{"status":"unavailable","error":"there is no live credential","service":"awf-cred-anthropic"}`, string(reply.Body))
	ready = true
	_, reply = p.Request(t.Context(), head("GET", "/"+clientKey+"/health"))
	assert.Equal(t, 200, reply.Status)
	assert.JSONEq(t, `{"status":"healthy","service":"awf-cred-anthropic"}`, string(reply.Body))
	assert.Empty(t, reply.Refused)
	for _, h := range []*relay.Head{head("POST", "/health"), head("GET", "/"), head("GET", "/metrics"), head("GET", "/health/x")} {
		_, reply = p.Request(t.Context(), h)
		assert.Equal(t, 401, reply.Status, "%s %s is an ordinary request", h.Method, h.Target)
	}
}

func TestAWebSocketNeedsAProviderThatHasThem(t *testing.T) {
	t.Parallel()
	handshake := func() *relay.Head {
		h := head("GET", "/v1/realtime", "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.sk-client, v1")
		h.Upgrade = []byte("websocket")
		return h
	}
	_, reply := policy(t).Request(t.Context(), handshake())
	require.NotNil(t, reply)
	assert.Equal(t, 403, reply.Status)
	h := handshake()
	_, reply = policy(t, func(o *proxy.Options) { o.Upgrades, o.Inject = true, proxy.Bearer("") }).Request(t.Context(), h)
	require.Nil(t, reply)
	assert.Equal(t, []string{"Sec-WebSocket-Protocol: realtime, v1", "Authorization: Bearer " + token}, written(h))

	h = handshake()
	h.Fields = head("GET", "/", "sec_websocket_protocol: openai-insecure-api-key.sk-client").Fields
	_, reply = policy(t, func(o *proxy.Options) { o.Upgrades, o.Inject = true, proxy.Bearer("") }).Request(t.Context(), h)
	require.Nil(t, reply)
	assert.Equal(t, []string{"Authorization: Bearer " + token}, written(h))
}

func TestWithoutACredential(t *testing.T) {
	t.Parallel()
	failed := func(cause exchange.Cause, after time.Duration) error {
		return &exchange.Error{Provider: "anthropic", Step: "exchange", Cause: cause, Description: "secret-detail", RetryAfter: after}
	}
	tests := []struct {
		name      string
		err       error
		issued    bool
		status    int
		retryable bool
		after     string
	}{
		{"an outage before the first credential passes", failed(exchange.Unavailable, 0), false, 503, true, "5"},
		{"an outage after the last one passes", failed(exchange.Unavailable, 7*time.Second), true, 503, true, "7"},
		{"a refusal before the first is the set-up's", failed(exchange.Refused, 0), false, 403, false, ""},
		{"a missing permission too", failed(exchange.Identity, 0), false, 403, false, ""},
		{"settings that cannot work too", failed(exchange.Usage, 0), false, 403, false, ""},
		{"a refusal after the last one", failed(exchange.Refused, time.Minute), true, 503, false, "60"},
		{"an error that nobody knows", errors.New("secret-detail"), true, 503, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := policy(t, func(o *proxy.Options) {
				o.Credentials = &source{err: tt.err}
				o.Issued = func() bool { return tt.issued }
			})
			_, reply := p.Request(t.Context(), head("POST", "/v1/messages"))
			require.NotNil(t, reply)
			b := decode(t, reply)
			assert.Equal(t, tt.status, reply.Status)
			assert.Equal(t, "provider_not_configured", b.Error.Type)
			assert.Equal(t, tt.retryable, b.Error.Retryable)
			assert.Equal(t, tt.after, value(reply, "Retry-After"))
			assert.NotContains(t, string(reply.Body), "secret-detail")
		})
	}
}

func TestARequestWaitsForTheFirstCredentialUpToABound(t *testing.T) {
	t.Parallel()
	p := policy(t, func(o *proxy.Options) {
		o.Credentials = &source{wait: true}
		o.StartupTimeout = 10 * time.Millisecond
	})
	_, reply := p.Request(t.Context(), head("POST", "/v1/messages"))
	require.NotNil(t, reply)
	assert.Equal(t, 503, reply.Status)
	assert.True(t, decode(t, reply).Error.Retryable)
	assert.Equal(t, "5", value(reply, "Retry-After"))
}

// An injected clock stands still here; that a wait after the first credential has
// no startup bound shows in that the source sees the request's own context.
func TestAfterTheFirstCredentialTheSourceBoundsTheWait(t *testing.T) {
	t.Parallel()
	s := &deadlines{source: bearer()}
	p := policy(t, func(o *proxy.Options) { o.Credentials = s })
	for range 2 {
		_, reply := p.Request(t.Context(), head("POST", "/v1/messages"))
		require.Nil(t, reply)
	}
	assert.Equal(t, []bool{true, false}, s.bounded)
}

type deadlines struct {
	*source
	bounded []bool
}

func (d *deadlines) Credential(ctx context.Context) (exchange.Credential, error) {
	_, ok := ctx.Deadline()
	d.bounded = append(d.bounded, ok)
	return d.source.Credential(ctx)
}

func TestFaultsAreWordedWithoutTheirCause(t *testing.T) {
	t.Parallel()
	p := policy(t)
	cause := errors.New("dial http://user:password@proxy.test:3128: refused")
	tests := []struct {
		fault     relay.Fault
		kind      string
		says      string
		retryable bool
	}{
		{relay.Fault{Status: 502, Reason: relay.ReasonUpstreamDial}, "upstream_error", "cannot be reached", true},
		{relay.Fault{Status: 502, Reason: relay.ReasonUpstreamProxy}, "upstream_error", "the proxy in front", true},
		{relay.Fault{Status: 502, Reason: relay.ReasonUpstreamTLS}, "upstream_error", "TLS", false},
		{relay.Fault{Status: 502, Reason: relay.ReasonUpstreamHTTP2}, "upstream_error", "HTTP/1.1", false},
		{relay.Fault{Status: 504, Reason: relay.ReasonUpstreamTimeout}, "upstream_error", "in time", true},
		{relay.Fault{Status: 503, Reason: relay.ReasonRequests, RetryAfter: time.Second}, "overloaded_error", "too many requests", true},
		{relay.Fault{Status: 503, Reason: relay.ReasonBuffer}, "overloaded_error", "bodies", true},
		{relay.Fault{Status: 413, Reason: relay.ReasonBodyLarge}, "invalid_request_error", "too large", false},
		{relay.Fault{Status: 431, Reason: relay.ReasonHeaderLarge}, "invalid_request_error", "headers", false},
		{relay.Fault{Status: 400, Reason: relay.ReasonField}, "invalid_request_error", "malformed", false},
		{relay.Fault{Status: 500, Reason: relay.ReasonPanic}, "internal_error", "failed", false},
		{relay.Fault{Status: 505, Reason: relay.ReasonVersion}, "invalid_request_error", "HTTP/1.1", false},
		{relay.Fault{Status: 405, Reason: relay.ReasonMethod}, "method_not_allowed", "method", false},
	}
	for _, tt := range tests {
		t.Run(tt.fault.Reason, func(t *testing.T) {
			t.Parallel()
			tt.fault.Err = cause
			for _, h := range []*relay.Head{nil, head("GET", "/v1")} {
				reply := p.Fault(h, tt.fault)
				b := decode(t, reply)
				assert.Equal(t, tt.fault.Status, reply.Status)
				assert.Equal(t, tt.kind, b.Error.Type)
				assert.Contains(t, b.Error.Message, tt.says)
				assert.Equal(t, tt.retryable, b.Error.Retryable)
				assert.NotContains(t, string(reply.Body), "password")
				assert.Equal(t, tt.fault.Status == 503, value(reply, "Retry-After") != "")
			}
		})
	}
}

func TestAnInjectorThatFailsIsADefectOfOurs(t *testing.T) {
	t.Parallel()
	p := policy(t, func(o *proxy.Options) {
		o.Inject = func(*relay.Head, exchange.Credential) error { return errors.New("detail") }
	})
	_, reply := p.Request(t.Context(), head("GET", "/v1"))
	assert.Equal(t, 500, reply.Status)
	assert.NotContains(t, string(reply.Body), "detail")
}

package proxy_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/clock"
	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// serving runs policy and engine on a loopback port in front of an upstream, and
// returns the base URL.
func serving(t *testing.T, upstream http.Handler, o relay.Options, change ...func(*proxy.Options)) string {
	t.Helper()
	server := httptest.NewServer(upstream)
	to := relay.NewUpstream(relay.UpstreamOptions{Scheme: "http", Address: server.Listener.Addr().String()})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := policy(t, append([]func(*proxy.Options){func(o *proxy.Options) {
		o.Upstream, o.Listener, o.Inject = to, ln.Addr(), proxy.Bearer("")
	}}, change...)...)
	o.DrainTimeout = -1
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- relay.NewServer(p, o).Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		<-done
		to.Close()
		server.Close()
	})
	return "http://" + ln.Addr().String()
}

// ask sends one request on a connection of its own and returns status and body.
func ask(t testing.TB, method, url, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Close = true
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(answer)
}

// renewing gives the next of its tokens after each Invalidate of the current one.
type renewing struct {
	mu          sync.Mutex
	kind        exchange.Kind
	tokens      []string
	invalidated []string
	frozen      bool // the pause between forced renewals
	asked       int
}

func (r *renewing) Credential(context.Context) (exchange.Credential, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	c := exchange.Credential{Kind: exchange.Bearer, Token: secret.New(r.tokens[0])}
	if r.kind == exchange.AWS {
		c = exchange.Credential{Kind: exchange.AWS, AWS: &exchange.AWSKeys{AccessKeyID: secret.New("ASIAEXAMPLE" + r.tokens[0]),
			SecretAccessKey: secret.New("secret"), SessionToken: secret.New(r.tokens[0])}}
	}
	return c, nil
}

func (r *renewing) Invalidate(c exchange.Credential) {
	r.mu.Lock()
	defer r.mu.Unlock()
	token := c.Token.Reveal()
	if c.AWS != nil {
		token = c.AWS.SessionToken.Reveal()
	}
	r.invalidated = append(r.invalidated, token)
	if token == r.tokens[0] && !r.frozen && len(r.tokens) > 1 {
		r.tokens = r.tokens[1:]
	}
}

// accepts is an upstream that takes one token and records what it is shown.
type accepts struct {
	mu    sync.Mutex
	token string
	shown []string
}

func (a *accepts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	a.mu.Lock()
	a.shown = append(a.shown, token+" "+string(body))
	ok := token == a.token
	a.mu.Unlock()
	if !ok {
		w.Header().Set("X-Refused", "yes")
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	_, _ = w.Write(body)
}

// F114: an upstream's 401 while the token should be valid.
func TestA401RenewsTheTokenAndAsksOnceMore(t *testing.T) {
	t.Parallel()
	source := &renewing{tokens: []string{"revoked-token-1", "valid-token-2"}}
	upstream := &accepts{token: "valid-token-2"}
	base := serving(t, upstream, relay.Options{}, func(o *proxy.Options) { o.Credentials = source })
	response, body := ask(t, "POST", base+"/v1/messages", "hello")
	assert.Equal(t, 200, response.StatusCode)
	assert.Equal(t, "hello", body)
	assert.Empty(t, response.Header.Get("X-Refused"))
	assert.Equal(t, []string{"revoked-token-1 hello", "valid-token-2 hello"}, upstream.shown)
	assert.Equal(t, []string{"revoked-token-1"}, source.invalidated)
}

func TestABodyThatIsNotKeptPassesThe401OnAndTheNextRequestIsRight(t *testing.T) {
	t.Parallel()
	source := &renewing{tokens: []string{"revoked-token-1", "valid-token-2"}}
	upstream := &accepts{token: "valid-token-2"}
	base := serving(t, upstream, relay.Options{ReplayLimit: 10_000}, func(o *proxy.Options) { o.Credentials = source })
	response, _ := ask(t, "POST", base+"/v1/messages", strings.Repeat("x", 200_000))
	assert.Equal(t, 401, response.StatusCode)
	assert.Equal(t, "yes", response.Header.Get("X-Refused"), "the upstream's own answer")
	assert.Equal(t, 1, source.asked, "nobody waits for a renewal that this request cannot use")
	response, _ = ask(t, "POST", base+"/v1/messages", "hello")
	assert.Equal(t, 200, response.StatusCode)
	assert.Len(t, upstream.shown, 2)
}

// F115: while no renewal may be forced, the source gives the same token.
func TestA401WithoutANewTokenIsPassedOnAtOnce(t *testing.T) {
	t.Parallel()
	source := &renewing{tokens: []string{"revoked-token-1", "valid-token-2"}, frozen: true}
	upstream := &accepts{token: "valid-token-2"}
	base := serving(t, upstream, relay.Options{}, func(o *proxy.Options) { o.Credentials = source })
	response, _ := ask(t, "POST", base+"/v1/messages", "hello")
	assert.Equal(t, 401, response.StatusCode)
	assert.Len(t, upstream.shown, 1)
}

func TestASecond401IsPassedOn(t *testing.T) {
	t.Parallel()
	source := &renewing{tokens: []string{"revoked-token-1", "revoked-token-2", "valid-token-3"}}
	upstream := &accepts{token: "valid-token-3"}
	base := serving(t, upstream, relay.Options{}, func(o *proxy.Options) { o.Credentials = source })
	response, _ := ask(t, "POST", base+"/v1/messages", "hello")
	assert.Equal(t, 401, response.StatusCode)
	assert.Len(t, upstream.shown, 2)
	assert.Equal(t, []string{"revoked-token-1"}, source.invalidated, "one request renews once")
}

func TestAStaticKeyIsNotRenewed(t *testing.T) {
	t.Parallel()
	s := &source{c: exchange.Credential{Kind: exchange.APIKey, Token: secret.New("static-key-value")}}
	upstream := &accepts{token: "another"}
	base := serving(t, upstream, relay.Options{}, func(o *proxy.Options) { o.Credentials = s })
	response, _ := ask(t, "POST", base+"/v1/messages", "hello")
	assert.Equal(t, 401, response.StatusCode)
	assert.Zero(t, s.invalidated)
}

func TestTheRuleForAWSIs403WithOneOfThreeCodes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		code  string
		again bool
	}{
		{"ExpiredTokenException", true},
		{"UnrecognizedClientException:http://internal.amazon.com/coral/com.amazon.coral.service/", true},
		{"InvalidSignatureException", true},
		{"ExpiredToken", true},
		{"AccessDeniedException", false},
		{"", false},
	}
	for _, tt := range tests {
		t.Run(tt.code, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			upstream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				if r.Header.Get("X-Amz-Security-Token") != "new" {
					w.Header().Set("X-Amzn-ErrorType", tt.code)
					w.WriteHeader(http.StatusForbidden)
				}
			})
			source := &renewing{kind: exchange.AWS, tokens: []string{"old", "new"}}
			base := serving(t, upstream, relay.Options{}, func(o *proxy.Options) {
				o.Credentials, o.Provider = source, "aws"
				o.Inject = proxy.SigV4(proxy.SigV4Options{Region: "us-east-1", Service: "bedrock"})
			})
			response, _ := ask(t, "POST", base+"/model/m/invoke", "{}")
			if tt.again {
				assert.Equal(t, 200, response.StatusCode)
				assert.EqualValues(t, 2, asked.Load())
			} else {
				assert.Equal(t, 403, response.StatusCode)
				assert.EqualValues(t, 1, asked.Load())
				assert.Empty(t, source.invalidated)
			}
		})
	}
}

// resigned is the signature of a request as its receiver computes it.
func resigned(t *testing.T, got *http.Request, body string) string {
	sum := sha256.Sum256([]byte(body))
	path, _, _ := strings.Cut(got.RequestURI, "?")
	r := &http.Request{Method: got.Method, Host: got.Host, Header: http.Header{"X-Amz-Content-Sha256": {hex.EncodeToString(sum[:])}},
		URL: &url.URL{Opaque: "//" + got.Host + path, RawQuery: strings.ReplaceAll(got.URL.RawQuery, "+", "%2B")}}
	at, err := time.Parse("20060102T150405Z", got.Header.Get("X-Amz-Date"))
	require.NoError(t, err)
	keys := aws.Credentials{AccessKeyID: "ASIAEXAMPLETOK", SecretAccessKey: "secret", SessionToken: "TOK"}
	require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), keys, r, hex.EncodeToString(sum[:]), "bedrock", "us-east-1", at))
	return r.Header.Get("Authorization")
}

func TestASignedRequestArrivesAsItWasSigned(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body []byte
	upstream := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	})
	source := &renewing{kind: exchange.AWS, tokens: []string{"TOK"}}
	base := serving(t, upstream, relay.Options{}, func(o *proxy.Options) {
		o.Credentials, o.Provider = source, "aws"
		o.Inject = proxy.SigV4(proxy.SigV4Options{Region: "us-east-1", Service: "bedrock", MaxBody: 1000})
	})
	r, err := http.NewRequestWithContext(t.Context(), "POST", base+"/model/a%3Ab/invoke?x=1+2&key=client", io.MultiReader(bytes.NewReader([]byte("one")), strings.NewReader("two")))
	require.NoError(t, err)
	r.Close = true
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=client")
	r.Header.Set("X-Amz-Date", "20200101T000000Z")
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, 200, response.StatusCode)
	assert.Equal(t, "onetwo", string(body))
	assert.EqualValues(t, 6, got.ContentLength, "a signed body has a length")
	assert.Equal(t, "/model/a%3Ab/invoke?x=1+2", got.RequestURI)
	assert.Len(t, got.Header["Authorization"], 1)
	assert.Contains(t, got.Header.Get("Authorization"), "Credential=ASIAEXAMPLETOK/")
	assert.Equal(t, []string{"TOK"}, got.Header["X-Amz-Security-Token"])
	assert.NotContains(t, got.Header.Get("X-Amz-Date"), "2020")
	assert.Equal(t, resigned(t, got, "onetwo"), got.Header.Get("Authorization"), "what the vendor computes from what arrived")

	response, text := ask(t, "POST", base+"/model/m/invoke", strings.Repeat("x", 1001))
	assert.Equal(t, 413, response.StatusCode)
	assert.Contains(t, text, `"type":"invalid_request_error"`)
}

// U20, U21, U30, U31.
func TestAnswersPassLessWhatEndsHere(t *testing.T) {
	t.Parallel()
	upstream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Location", "https://evil.test/")
		w.Header().Set("Retry-After", "7")
		var status int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
	})
	base := serving(t, upstream, relay.Options{})
	for _, status := range []int{200, 301, 307, 308, 401, 403, 404, 408, 413, 429, 500, 503, 529} {
		response, body := ask(t, "GET", fmt.Sprintf("%s/%d", base, status), "")
		assert.Equal(t, status, response.StatusCode)
		assert.Equal(t, "Bearer (redacted)", response.Header.Get("X-Echo"))
		assert.Empty(t, response.Header.Get("Set-Cookie"))
		assert.Empty(t, response.Header.Get("Access-Control-Allow-Origin"))
		assert.Equal(t, "https://evil.test/", response.Header.Get("Location"))
		assert.Equal(t, "7", response.Header.Get("Retry-After"))
		assert.Equal(t, "Bearer "+token, body, "a body is the upstream's")
	}
}

func TestAnUpstreamThatIsNotThereIsA502(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := ln.Addr().String()
	ln.Close()
	base := serving(t, http.NotFoundHandler(), relay.Options{}, func(o *proxy.Options) {
		o.Upstream = relay.NewUpstream(relay.UpstreamOptions{Scheme: "http", Address: address})
	})
	response, body := ask(t, "POST", base+"/v1/messages", "x")
	assert.Equal(t, 502, response.StatusCode)
	assert.NotContains(t, body, address)
	assert.Contains(t, body, `"retryable":true`)
}

// T49: the listener decides, nothing that a client says.
func TestAClientCannotReachAnotherListenersCredential(t *testing.T) {
	t.Parallel()
	named := func(name string) func(*proxy.Options) {
		return func(o *proxy.Options) {
			o.Profile = name
			o.Credentials = &source{c: exchange.Credential{Kind: exchange.Bearer, Token: secret.New("token-of-" + name)}}
		}
	}
	upstream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Header.Get("Authorization")) })
	first, second := serving(t, upstream, relay.Options{}, named("first")), serving(t, upstream, relay.Options{}, named("second"))
	other, err := url.Parse(second)
	require.NoError(t, err)
	for name, change := range map[string]func(*http.Request){
		"path":    func(r *http.Request) { r.URL.Path = "/second/v1/messages" },
		"query":   func(r *http.Request) { r.URL.RawQuery = "profile=second" },
		"Host":    func(r *http.Request) { r.Host = other.Host },
		"header":  func(r *http.Request) { r.Header.Set("X-Awf-Profile", "second") },
		"bearer":  func(r *http.Request) { r.Header.Set("Authorization", "Bearer token-of-second") },
		"forward": func(r *http.Request) { r.Header.Set("X-Forwarded-Host", other.Host) },
	} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", first+"/v1/messages", strings.NewReader("{}"))
		require.NoError(t, err)
		r.Close = true
		change(r)
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err, name)
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		require.NoError(t, err)
		assert.Equal(t, "Bearer token-of-first", string(body), name)
	}
}

// minting is an identity and an exchanger that number their tokens.
type minting struct {
	exchanges    atomic.Int32
	first, ready chan struct{} // the first exchange has begun; it may end
}

func (*minting) Assertion(context.Context, string) (exchange.Assertion, error) {
	return exchange.Assertion{Token: secret.New("assertion")}, nil
}
func (*minting) Audience() string                  { return "aud" }
func (*minting) SingleUse(exchange.Assertion) bool { return false }
func (m *minting) Exchange(context.Context, exchange.Assertion) (exchange.Credential, error) {
	n := m.exchanges.Add(1)
	if n == 1 {
		close(m.first)
		<-m.ready
	}
	now := time.Now()
	return exchange.Credential{Kind: exchange.Bearer, Token: secret.New(fmt.Sprintf("token-number-%d", n)), IssuedAt: now, ExpiresAt: now.Add(time.Hour)}, nil
}

type identity struct{ *minting }

func (identity) Fingerprint(context.Context) (string, error) { return "identity", nil }

type exchanger struct{ *minting }

func (exchanger) Fingerprint() string { return "exchanger" }

// F115 and F116 with the real source: many requests, an upstream that refuses
// every token, and a start where all wait for the first one.
func TestAStormOf401sForcesOneRenewal(t *testing.T) {
	t.Parallel()
	m := &minting{first: make(chan struct{}), ready: make(chan struct{})}
	s, err := tokensource.New(tokensource.Options{Identity: identity{m}, Exchanger: exchanger{m}, Clock: clock.System{}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	t.Cleanup(func() { cancel(); <-done })
	upstream := &accepts{token: "none"}
	base := serving(t, upstream, relay.Options{}, func(o *proxy.Options) { o.Credentials = s })
	go func() { done <- s.Run(ctx) }()
	<-m.first // the clients wait for it, and renew nothing themselves

	var clients sync.WaitGroup
	var refused atomic.Int32
	for range 64 {
		clients.Go(func() {
			for range 8 {
				if response, _ := ask(t, "POST", base+"/v1/messages", "x"); response.StatusCode == 401 {
					refused.Add(1)
				}
			}
		})
	}
	close(m.ready)
	clients.Wait()
	assert.EqualValues(t, 512, refused.Load(), "every client gets the upstream's 401")
	assert.LessOrEqual(t, m.exchanges.Load(), int32(2), "the first and one forced")
}

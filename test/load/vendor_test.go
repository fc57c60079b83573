//go:build linux

package load

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// vendor is an API whose event streams are numbered, behind the sandbox's token
// endpoint, whose tokens it cuts short: the sandbox itself grants nothing below a
// minute. No event is sent before the client has told, behind the proxy's back,
// that it has the one before: an event that is held back stops its stream.
type vendor struct {
	t     *testing.T
	sb    *sandbox.Sandbox
	life  time.Duration // of tokens; 0: what the sandbox grants
	token *httptest.Server
	api   *httptest.Server

	mu     sync.Mutex
	grants map[string]time.Time // until when a token is good
	uses   map[string]int       // requests with it
	bad    []string             // credentials that were refused

	streams sync.Map // id to *stream
	opened  atomic.Int64
}

// stream is what upstream and client know of one event stream.
type stream struct {
	id     int64
	events int
	pause  time.Duration
	got    chan int     // numbers that the client has
	sent   atomic.Int64 // when the last event was sent, Unix nanoseconds
	begun  chan struct{}
	hold   <-chan struct{} // nil, or what the stream waits for once it has begun
}

// begins is how many events a stream has sent when it counts as begun.
const begins = 3

func newVendor(t *testing.T, sb *sandbox.Sandbox, life time.Duration) *vendor {
	t.Helper()
	v := &vendor{t: t, sb: sb, life: life, grants: map[string]time.Time{}, uses: map[string]int{}}
	v.token = httptest.NewServer(http.HandlerFunc(v.exchange))
	t.Cleanup(v.token.Close)
	certificate, err := sb.IssueCertificate(sandbox.Certificate{})
	require.NoError(t, err)
	v.api = httptest.NewUnstartedServer(http.HandlerFunc(v.stream))
	v.api.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}}
	v.api.StartTLS()
	t.Cleanup(func() { v.api.CloseClientConnections(); v.api.Close() })
	return v
}

// env points a program at both.
func (v *vendor) env() []string {
	env := append(v.sb.GitHubEnv(), v.sb.AnthropicEnv()...)
	return append(env, "AWF_AUTH_ANTHROPIC_TOKEN_URL="+v.token.URL+"/v1/oauth/token")
}

// exchange hands a request on to the sandbox, and shortens the token.
func (v *vendor) exchange(w http.ResponseWriter, r *http.Request) {
	asked := time.Now()
	req, err := http.NewRequestWithContext(r.Context(), r.Method, v.sb.AnthropicTokenURL(), r.Body)
	if err != nil {
		panic(err)
	}
	req.Header, req.ContentLength = r.Header.Clone(), r.ContentLength
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if res.StatusCode == http.StatusOK {
		body = v.granted(body, asked)
	}
	w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(body)
}

func (v *vendor) granted(body []byte, asked time.Time) []byte {
	var grant map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&grant); err != nil {
		panic(err)
	}
	life := v.life
	if life == 0 {
		seconds, _ := strconv.Atoi(fmt.Sprint(grant["expires_in"]))
		life = time.Duration(seconds) * time.Second
	}
	grant["expires_in"] = int(life / time.Second)
	v.mu.Lock()
	v.grants[grant["access_token"].(string)] = asked.Add(life)
	v.mu.Unlock()
	body, _ = json.Marshal(grant) // it came from JSON
	return body
}

// tokens is how many tokens were granted, and how many of them were used.
func (v *vendor) tokens() (granted, used int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.grants), len(v.uses)
}

// admits reports whether a request bears one live token.
func (v *vendor) admits(r *http.Request) bool {
	values := r.Header["Authorization"]
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(values) == 1 {
		token := strings.TrimPrefix(values[0], "Bearer ")
		if until, ok := v.grants[token]; ok && time.Now().Before(until) {
			v.uses[token]++
			return true
		}
	}
	v.bad = append(v.bad, fmt.Sprintf("%d credentials for %s", len(values), r.URL.Path))
	return false
}

// refused are the requests without a live token.
func (v *vendor) refused() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.bad
}

// announce makes the stream that a client is about to ask for.
func (v *vendor) announce(events int, pause time.Duration, hold <-chan struct{}) *stream {
	s := &stream{id: v.opened.Add(1), events: events, pause: pause, got: make(chan int, 1), begun: make(chan struct{}), hold: hold}
	v.streams.Store(s.id, s)
	return s
}

// stream is the API.
func (v *vendor) stream(w http.ResponseWriter, r *http.Request) {
	if !v.admits(r) {
		http.Error(w, `{"type":"error"}`, http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	id, _ := strconv.ParseInt(r.Header.Get("X-Stream"), 10, 64)
	found, ok := v.streams.Load(id)
	if !ok {
		http.Error(w, fmt.Sprintf(`{"bytes":%d}`, len(body)), http.StatusOK)
		return
	}
	s := found.(*stream)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Request-Id", "req_"+strconv.FormatInt(s.id, 10))
	s.play(w, r)
}

// event is one event of a stream, about as long as a vendor's.
func event(id int64, n int) string {
	return fmt.Sprintf("event: content_block_delta\ndata: {\"stream\":%d,\"n\":%d,\"text\":\"%s\"}\n\n", id, n, strings.Repeat("x", 40+n%90))
}

func (s *stream) play(w http.ResponseWriter, r *http.Request) {
	flusher := w.(http.Flusher)
	timer := time.NewTimer(s.pause)
	defer timer.Stop()
	for n := range s.events {
		s.sent.Store(time.Now().UnixNano())
		if _, err := io.WriteString(w, event(s.id, n)); err != nil {
			return
		}
		flusher.Flush()
		select {
		case got := <-s.got:
			if got != n {
				panic(http.ErrAbortHandler)
			}
		case <-r.Context().Done():
			return
		}
		if n == begins {
			close(s.begun)
			if !s.held(r) {
				return
			}
		}
		timer.Reset(s.pause)
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
}

// held waits until the stream may go on.
func (s *stream) held(r *http.Request) bool {
	if s.hold == nil {
		return true
	}
	select {
	case <-s.hold:
		return true
	case <-r.Context().Done():
		return false
	}
}

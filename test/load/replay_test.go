//go:build linux

package load

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

const clientKey = "load-test-client-key.0123456789"

// seen is one request as its client saw it.
type seen struct {
	id        string // of the client's own, in a header that goes upstream
	method    string
	path      string // without key and query
	sent      int64  // body
	status    int
	received  int64 // body on the wire
	requestID string
	own       bool // answered by serve, and no request in the sense of the metrics
	refused   string
}

// 64 clients replay a recorded conversation with access log, audit log and a
// client key, while tokens rotate, one is revoked and the vendor is overloaded now
// and then: what the clients saw, the two logs, the metrics and what the sandbox
// received agree to the request.
func TestReplayAgreesToTheRequest(t *testing.T) {
	t.Parallel()
	clients := pick(64, 16)
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) {
		c.Rule.TokenLifetime, c.Records, c.RecordBody = time.Minute, 1_000_000, 1
	}))
	dir := t.TempDir()
	access, audit, key := filepath.Join(dir, "access"), filepath.Join(dir, "audit"), filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(key, []byte(clientKey+"\n"), 0o600))
	s := serve(t, append(sb.GitHubEnv(), sb.AnthropicEnv()...), "--upstream", sb.TLSURL(sandbox.HostAnthropic), "--ca-file", sb.CAFile(),
		"--access-log", access, "--audit-log", audit, "--client-key-file", key, "--allow", "inference", "--allow", "HEAD /")

	turns := conversation(t)
	deadline := time.Now().Add(pick(10*time.Minute, 4*time.Second))
	var r replay
	r.bodies.Store(1)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			c := &talker{client: client{address: s.address}, r: &r, way: i % 3}
			defer c.close()
			if err := c.talk(turns, deadline); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	trouble(sb, time.Until(deadline))
	all.Wait()

	total := 0
	for _, one := range r.all {
		if !one.own {
			total++
		}
	}
	var m figures
	s.await("done counting", func() bool {
		m = s.metrics()
		return sum(m.by("awf_cred_requests_total", "code")) >= float64(total)
	})
	s.end()
	require.Zero(t, s.status(patience))
	r.compareLog(t, access)
	r.compareMetrics(t, m, total, sb)
	r.compareSandbox(t, sb)
	compareAudit(t, audit, sb, m)
	for _, path := range []string{access, audit} {
		text := readText(t, path)
		// A JWT's header begins with one of these; ids of requests are random.
		for _, secret := range []string{clientKey, "sk-ant", "eyJ0eXAi", "eyJhbGci", "of-the-client"} {
			assert.False(t, strings.Contains(text, secret), "%s is in %s", secret, path)
		}
	}
	c := sb.Counts()
	fmt.Printf("replay: %d clients, %d requests (%d of them answered by serve), %d received by the vendor, %d exchanges, by status %v; client, access log, metrics and vendor agree\n",
		clients, len(r.all), len(r.all)-c.APIRequests+r.repeated, c.APIRequests, c.Exchanges, m.by("awf_cred_requests_total", "code"))
}

func sum(of map[string]float64) (total float64) {
	for _, n := range of {
		total += n
	}
	return total
}

// trouble makes the vendor fail now and then, and revokes all tokens once.
func trouble(sb *sandbox.Sandbox, d time.Duration) {
	const times = 20
	tick := time.NewTicker(d / (times + 1))
	defer tick.Stop()
	for n := range times {
		<-tick.C
		switch {
		case n == times/2:
			sb.RevokeAll()
		case n%2 == 0:
			sb.AddFault(sandbox.Messages, sandbox.Status(529).N(3))
		default:
			sb.AddFault(sandbox.CountTokens, sandbox.Status(429).N(2))
		}
	}
}

// replay is what all clients saw.
type replay struct {
	mu  sync.Mutex
	all []seen

	ids      atomic.Int64
	bodies   atomic.Int64 // makes the length of each body another
	repeated int          // requests that the vendor received twice
}

func (r *replay) add(s seen) {
	r.mu.Lock()
	r.all = append(r.all, s)
	r.mu.Unlock()
}

// talker replays the conversation; way is how it shows the client key.
type talker struct {
	client
	r   *replay
	way int
}

func (c *talker) talk(turns []turn, deadline time.Time) error {
	for {
		if err := c.mistakes(); err != nil {
			return err
		}
		for _, one := range turns {
			pause := time.NewTimer(time.Duration((0.5 + rand.Float64()) * float64(one.pause())))
			<-pause.C
			if time.Now().After(deadline) {
				return nil
			}
			if err := c.ask(one); err != nil {
				return fmt.Errorf("%s %s: %w", one.Method, one.Path, err)
			}
		}
	}
}

// ask sends a turn, and again while the vendor is overloaded, as SDKs do.
func (c *talker) ask(one turn) error {
	for range 10 {
		bytes := one.Body
		if bytes > 0 {
			bytes += int(c.r.bodies.Add(1))
		}
		status, err := c.send1(one, one.body(bytes), c.way, "")
		if err != nil || status < 429 {
			return err
		}
	}
	return fmt.Errorf("overloaded for ever")
}

// mistakes are requests that serve refuses.
func (c *talker) mistakes() error {
	one := turn{Method: "POST", Path: "/v1/files", Body: 200, Header: map[string]string{"Content-Type": "application/json"}}
	if status, err := c.send1(one, one.body(200+int(c.r.bodies.Add(1))), c.way, "path"); err != nil || status != http.StatusForbidden {
		return fmt.Errorf("a path that is not allowed: %d, %w", status, err)
	}
	one = turn{Method: "GET", Path: "/v1/models"}
	if status, err := c.send1(one, nil, -1, "client-key"); err != nil || status != http.StatusUnauthorized {
		return fmt.Errorf("a wrong key: %d, %w", status, err)
	}
	return nil
}

func (c *talker) send1(one turn, body []byte, way int, refused string) (status int, err error) {
	id := strconv.FormatInt(c.r.ids.Add(1), 10)
	header := []string{"X-Replay: " + id}
	for name, value := range one.Header {
		header = append(header, name+": "+value)
	}
	if one.Events > 0 {
		header = append(header, fmt.Sprintf("X-Sandbox-Events: %d", one.Events), fmt.Sprintf("X-Sandbox-Interval: %dms", one.Interval/pick(1, 20)), "X-Sandbox-Event-Bytes: 24")
	}
	target := one.Path
	switch way {
	case 0:
		header = append(header, "Authorization: Bearer "+clientKey)
	case 1:
		header = append(header, "X-Api-Key: "+clientKey)
	case 2:
		target = "/" + clientKey + target
	default:
		header = append(header, "X-Api-Key: of-the-client-0123456789")
	}
	a, err := c.send(one.Method, target, header, body)
	if err != nil {
		return 0, err
	}
	wire, err := a.finish()
	if err != nil {
		return a.status, err
	}
	path, _, _ := strings.Cut(one.Path, "?")
	c.r.add(seen{id: id, method: one.Method, path: path, sent: int64(len(body)), status: a.status, received: wire,
		requestID: a.header.Get("Request-Id"), own: one.Method == "HEAD" && path == "/", refused: refused})
	return a.status, nil
}

// accessLine is a line of the access log.
type accessLine struct {
	Time       time.Time `json:"time"`
	Profile    string    `json:"profile"`
	Method     string    `json:"method"`
	Path       string    `json:"path"`
	Status     int       `json:"status"`
	BytesIn    int64     `json:"bytes_in"`
	BytesOut   int64     `json:"bytes_out"`
	DurationMS float64   `json:"duration_ms"`
	RequestID  string    `json:"request_id"`
}

// compareLog finds a line for each request and a request for each line.
func (r *replay) compareLog(t *testing.T, path string) {
	t.Helper()
	type shape struct {
		method, path string
		status       int
		in, out      int64
		id           string
	}
	left := map[shape]int{}
	for _, s := range r.all {
		left[shape{s.method, s.path, s.status, s.sent, s.received, s.requestID}]++
	}
	lines := 0
	for line := range strings.Lines(readText(t, path)) {
		var l accessLine
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&l), line)
		lines++
		id := l.RequestID
		if strings.HasPrefix(id, "awf_") {
			id = "" // serve's own: the answer does not name it
		}
		left[shape{l.Method, l.Path, l.Status, l.BytesIn, l.BytesOut, id}]--
		assert.Equal(t, "environment", l.Profile)
		assert.NotEmpty(t, l.RequestID)
		assert.True(t, l.DurationMS >= 0 && !l.Time.IsZero(), line)
	}
	assert.Len(t, r.all, lines, "lines of the access log")
	wrong := 0
	for s, n := range left {
		if n != 0 && wrong < 5 {
			t.Errorf("%d requests more than lines of the access log (less than 0: fewer): %+v", n, s)
		}
		if n != 0 {
			wrong++
		}
	}
	assert.Zero(t, wrong, "requests and lines that do not agree")
}

func readText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// compareMetrics compares the counters with what clients saw.
func (r *replay) compareMetrics(t *testing.T, m figures, total int, sb *sandbox.Sandbox) {
	t.Helper()
	codes, refused := map[string]float64{}, map[string]float64{}
	for _, s := range r.all {
		if !s.own {
			codes[strconv.Itoa(s.status)]++
		}
		if s.refused != "" {
			refused[s.refused]++
		}
	}
	assert.Equal(t, codes, m.by("awf_cred_requests_total", "code"))
	assert.Equal(t, refused, m.by("awf_cred_refused_requests_total", "reason"))
	assert.EqualValues(t, total, m.observed("awf_cred_request_duration_seconds"))
	assert.EqualValues(t, total, m.observed("awf_cred_time_to_first_byte_seconds"))
	assert.EqualValues(t, sb.Counts().Exchanges, m.observed("awf_cred_exchange_duration_seconds"))
	assert.EqualValues(t, sb.Counts().Accepted, m.by("awf_cred_refreshes_total", "outcome")["ok"])
	assert.Zero(t, m.value("awf_cred_open_streams"))
}

// compareSandbox finds each request at the vendor, once, and twice only where the
// first try bore the token that was revoked.
func (r *replay) compareSandbox(t *testing.T, sb *sandbox.Sandbox) {
	t.Helper()
	got := map[string][]sandbox.Request{}
	for _, one := range sb.Requests(sandbox.Endpoint(sandbox.HostAnthropic)) {
		if one.Endpoint != sandbox.AnthropicToken {
			id := one.Header.Get("X-Replay")
			got[id] = append(got[id], one)
		}
	}
	wrong := 0
	for _, s := range r.all {
		tries := got[s.id]
		delete(got, s.id)
		want := 1
		if s.own || s.refused != "" {
			want = 0
		}
		if len(tries) == 2 && tries[0].Status == http.StatusUnauthorized {
			r.repeated++
			tries = tries[1:]
		}
		ok := len(tries) == want
		for _, one := range tries {
			target, _, _ := strings.Cut(one.Target, "?")
			ok = ok && one.Method == s.method && target == s.path && one.BodyLen == s.sent && one.Status == s.status && one.TLS &&
				one.Header.Get("X-Api-Key") == "" && len(one.Header["Authorization"]) == 1 && !strings.Contains(string(one.Head), clientKey)
		}
		if !ok {
			if wrong++; wrong <= 5 {
				t.Errorf("%+v came to the vendor as %+v", s, tries)
			}
		}
	}
	assert.Zero(t, wrong, "requests that the vendor received otherwise")
	assert.Empty(t, got, "requests that no client sent")
	assert.Positive(t, r.repeated, "the revoked token was met")
	assert.Zero(t, sb.Counts().Broken)
	assert.Zero(t, sb.Counts().Replays)
}

// compareAudit finds a line for each mint, exchange and refresh.
func compareAudit(t *testing.T, path string, sb *sandbox.Sandbox, m figures) {
	t.Helper()
	type key struct{ event, outcome string }
	lines, digests, ids := map[key]int{}, map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(readText(t, path)) {
		var l struct {
			Event, Outcome string
			JTI            string `json:"jti_sha256"`
			RequestID      string `json:"request_id"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &l), line)
		lines[key{l.Event, l.Outcome}]++
		if l.Event == "exchange" {
			digests[l.JTI], ids[l.RequestID] = true, true
		}
	}
	c := sb.Counts()
	assert.Equal(t, map[key]int{
		{"mint", "ok"}: c.Mints, {"exchange", "ok"}: c.Accepted, {"refresh", "ok"}: int(m.by("awf_cred_refreshes_total", "outcome")["ok"]),
	}, lines)
	assert.Equal(t, c.Mints, c.MintRequests)
	for _, e := range sb.History() {
		if e.Endpoint == sandbox.AnthropicToken {
			digest := sha256.Sum256([]byte(e.JTI))
			assert.True(t, digests[hex.EncodeToString(digest[:])], "the exchange of %s is in the audit log", e.JTI)
			assert.True(t, ids[e.RequestID], "the exchange %s is in the audit log", e.RequestID)
		}
	}
}

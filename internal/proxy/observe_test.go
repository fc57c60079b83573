package proxy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// noted is a finished request with memory of its own.
type noted struct {
	Profile, Provider, Method, Path, ID string
	Own                                 bool
	Summary                             relay.Summary
}

type notes struct {
	mu   sync.Mutex
	list []noted
}

func (n *notes) Done(f *proxy.Finished) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, noted{f.Profile, f.Provider, string(f.Method), string(f.Path), string(f.AppendRequestID(nil)), f.Own, f.Summary})
}

func (n *notes) last() noted {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.list[len(n.list)-1]
}

// decided runs one request through a policy as relay does.
func decided(t *testing.T, p *proxy.Policy, h *relay.Head, answer *relay.ReplyHead, s relay.Summary) *relay.Reply {
	_, reply := p.Request(t.Context(), h)
	if reply == nil && answer != nil {
		p.Response(t.Context(), h, answer)
	}
	if reply != nil {
		s.Status, s.Refused = reply.Status, reply.Refused
	}
	h.Method, h.Target, h.Fields = nil, nil, nil // relay's memory is gone by then
	p.Done(h, s)
	assert.Nil(t, h.Data)
	return reply
}

func TestWhatIsSaidOfARequest(t *testing.T) {
	t.Parallel()
	var n notes
	p := policy(t, keyed(t), func(o *proxy.Options) { o.Observe = proxy.Observers{&n} })
	right := "x-api-key: " + clientKey

	decided(t, p, head("POST", "/v1/messages?beta=true", right), &relay.ReplyHead{Status: 200}, relay.Summary{Status: 200, BytesIn: 5})
	got := n.last()
	assert.Equal(t, "review", got.Profile)
	assert.Equal(t, "anthropic", got.Provider)
	assert.Equal(t, "POST", got.Method)
	assert.Equal(t, "/v1/messages", got.Path, "without the query")
	assert.EqualValues(t, 5, got.Summary.BytesIn)
	assert.False(t, got.Own)
	assert.Regexp(t, `^awf_[0-9a-f]{16}$`, got.ID)

	decided(t, p, head("GET", "/"+clientKey+"/v1/models"), nil, relay.Summary{})
	assert.Equal(t, "/v1/models", n.last().Path, "without the key segment")
	decided(t, p, head("HEAD", "/"+clientKey), nil, relay.Summary{})
	assert.Equal(t, "/", n.last().Path)
	assert.True(t, n.last().Own)
	decided(t, p, head("GET", "/health"), nil, relay.Summary{})
	assert.True(t, n.last().Own)
}

func TestAKeyThatIsNearlyRightIsNotShown(t *testing.T) {
	t.Parallel()
	var n notes
	p := policy(t, keyed(t), func(o *proxy.Options) { o.Observe = &n })
	for _, guess := range []string{clientKey[:len(clientKey)-1], clientKey + "x", clientKey[:proxy.MinKey], clientKey + "%20"} {
		reply := decided(t, p, head("POST", "/"+guess+"/v1/messages"), nil, relay.Summary{})
		assert.Equal(t, 401, reply.Status)
		assert.Equal(t, "/(hidden)/v1/messages", n.last().Path)
	}
	decided(t, p, head("POST", "/"+clientKey+"x/v1", "Host: evil.test"), nil, relay.Summary{})
	assert.Equal(t, "/(hidden)/v1", n.last().Path, "whatever the reason")
	decided(t, p, head("POST", "/v1/messages"), nil, relay.Summary{})
	assert.Equal(t, "/v1/messages", n.last().Path, "an ordinary path is shown")
	decided(t, p, head("POST", "/"+clientKey+"/a-long-first-segment/x"), nil, relay.Summary{})
	assert.Equal(t, "/a-long-first-segment/x", n.last().Path, "a client with the key may name what it wants")
}

func TestTheVendorsRequestIDIsPreferred(t *testing.T) {
	t.Parallel()
	tests := []struct{ line, want string }{
		{"Request-Id: req_011CSHoEeqs5C35K2UUqR7Fy", "req_011CSHoEeqs5C35K2UUqR7Fy"},
		{"x-amzn-RequestId: 11-22", "11-22"},
		{"X-Request-ID: a", "a"},
		{"request-id: a b\"", ""},
		{"request-id: " + strings.Repeat("a", 129), ""},
		{"request-id:", ""},
		{"x-other: a", ""},
	}
	var n notes
	p := policy(t, func(o *proxy.Options) { o.Observe = &n })
	for _, tt := range tests {
		decided(t, p, head("POST", "/v1/messages"), &relay.ReplyHead{Status: 200, Fields: head("", "", tt.line).Fields}, relay.Summary{})
		if tt.want == "" {
			assert.Regexp(t, `^awf_[0-9a-f]{16}$`, n.last().ID, tt.line)
			continue
		}
		assert.Equal(t, tt.want, n.last().ID)
	}
}

func TestAHeadThatNobodyCouldReadIsReportedToo(t *testing.T) {
	t.Parallel()
	var n notes
	p := policy(t, func(o *proxy.Options) { o.Observe = &n })
	p.Done(nil, relay.Summary{Status: 400, Refused: relay.ReasonRequestLine})
	assert.Equal(t, noted{Profile: "review", Provider: "anthropic", ID: n.last().ID, Summary: relay.Summary{Status: 400, Refused: relay.ReasonRequestLine}}, n.last())
	h := head("POST", "/v1")
	p.Done(h, relay.Summary{Status: 503, Refused: relay.ReasonRequests})
	assert.Equal(t, 503, n.last().Summary.Status)
}

// The id in an error's body is the one in the logs.
func TestTheRequestIDOfAnErrorIsTheOneInTheLog(t *testing.T) {
	t.Parallel()
	var n notes
	var out bytes.Buffer
	p := policy(t, func(o *proxy.Options) {
		o.Observe, o.Log = &n, slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	h := head("POST", "/v1/messages")
	_, reply := p.Request(t.Context(), h)
	require.Nil(t, reply)
	failed := p.Fault(h, relay.Fault{Status: 502, Reason: relay.ReasonUpstreamDial, Err: http.ErrAbortHandler})
	p.Done(h, relay.Summary{Status: 502, Refused: failed.Refused, Total: time.Second})
	id := decode(t, failed).Error.RequestID
	assert.Equal(t, id, n.last().ID)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2)
	for _, line := range lines {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &fields))
		assert.Equal(t, id, fields["request_id"])
		assert.NotContains(t, line, token)
	}
	assert.Contains(t, lines[1], `"path":"/v1/messages"`)
}

// Whoever runs us reads why the upstream fails at the default level, and once in a
// while only; what clients do wrong is theirs.
func TestFailuresOfTheUpstreamAreWarnings(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Now()
	p := policy(t, func(o *proxy.Options) {
		o.Log, o.Now = slog.New(slog.NewJSONHandler(&out, nil)), func() time.Time { return now }
	})
	fail := func(status int, reason, why string) {
		t.Helper()
		h := head("POST", "/v1/messages")
		_, reply := p.Request(t.Context(), h)
		require.Nil(t, reply)
		p.Fault(h, relay.Fault{Status: status, Reason: reason, Err: errors.New(why)})
	}
	said := func() (lines []map[string]any) {
		for line := range strings.Lines(out.String()) {
			var fields map[string]any
			require.NoError(t, json.Unmarshal([]byte(line), &fields))
			lines = append(lines, fields)
		}
		out.Reset()
		return lines
	}
	fail(400, relay.ReasonBody, "a broken chunk")
	assert.Empty(t, said())
	for range 5 {
		fail(502, relay.ReasonUpstreamTLS, "upstream-tls: certificate has expired")
	}
	fail(504, relay.ReasonUpstreamTimeout, "no answer")
	lines := said()
	require.Len(t, lines, 2)
	assert.Equal(t, "WARN", lines[0]["level"])
	assert.Equal(t, "certificate has expired", lines[0]["error"])
	assert.Contains(t, lines[0]["hint"], "--ca-file")
	assert.Equal(t, "api.anthropic.com", lines[0]["upstream"])
	now = now.Add(11 * time.Second)
	fail(502, relay.ReasonUpstreamTLS, "certificate has expired")
	lines = said()
	require.Len(t, lines, 1)
	assert.EqualValues(t, 4, lines[0]["more"])
}

func TestRequestIDsAreUnique(t *testing.T) {
	t.Parallel()
	p := policy(t, func(o *proxy.Options) { o.Credentials = &source{err: exchange.Unavailable} })
	seen := map[string]bool{}
	for range 10_000 {
		_, reply := p.Request(t.Context(), head("TRACE", "/"))
		seen[decode(t, reply).Error.RequestID] = true
	}
	assert.Len(t, seen, 10_000)
}

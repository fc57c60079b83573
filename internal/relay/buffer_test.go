package relay

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// signing makes the policy read whole bodies up to limit.
func (p *testPolicy) signing(limit int64) {
	p.request = func(_ context.Context, h *Head) (*Upstream, *Reply) {
		b, f := h.Buffer(limit)
		if f != nil {
			return nil, p.Fault(h, *f)
		}
		h.Add = fmt.Appendf(h.Add, "X-Size: %d\r\nX-Attempt: %d\r\n", len(b), h.Attempt)
		return p.up, nil
	}
}

func TestASignerSeesTheWholeBody(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		o.Budget = NewBudget(4 << 20)
		r := newRig(t, o, unauthorizedFirst)
		r.policy.signing(1 << 20)
		r.policy.response = func(h *Head, rh *ReplyHead) Verdict {
			if rh.Status == 401 {
				assert.True(t, h.Kept())
				return Again
			}
			return Pass
		}
		c := r.dial()
		for _, n := range []int{1, 5000, 1 << 20} {
			body := strings.Repeat("z", n)
			go c.write(fmt.Sprintf("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", n, body))
			resp, got := c.get("POST")
			require.Equal(t, 200, resp.StatusCode)
			require.True(t, got == body)
			go c.write(chunked(body))
			resp, got = c.get("POST")
			require.Equal(t, 200, resp.StatusCode)
			require.True(t, got == body)
			assert.NotContains(t, resp.Header.Get("X-Encoding"), "chunked")
		}
		require.NoError(t, r.result())
		assert.Zero(t, o.Budget.Used())
	})
}

// chunked is body in chunks of odd sizes, with a trailer.
func chunked(body string) string {
	var b strings.Builder
	b.WriteString(chunkedHead)
	for n := 1; len(body) > 0; n = n*3 + 1 {
		n = min(n, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	b.WriteString("0\r\nX-T: 1\r\n\r\n")
	return b.String()
}

func TestBodiesForSigningAreBounded(t *testing.T) {
	t.Parallel()
	const limit = 100000
	for _, c := range []struct {
		name, in string
		budget   int64
		status   int
		reason   string
	}{
		{"just below", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n" + strings.Repeat("x", 99999), 1 << 20, 200, ""},
		{"at the limit", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", limit), 1 << 20, 200, ""},
		{"above", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100001\r\n\r\n" + strings.Repeat("x", limit+1), 1 << 20, 413, ReasonBodyLarge},
		{"above, not invited", "POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 100001\r\n\r\n", 1 << 20, 413, ReasonBodyLarge},
		{"chunks at the limit", chunked(strings.Repeat("x", limit)), 1 << 20, 200, ""},
		{"chunks above", chunked(strings.Repeat("x", limit+1)), 1 << 20, 413, ReasonBodyLarge},
		{"budget used up", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", limit), 50000, 503, ReasonBuffer},
		{"broken chunks", chunkedHead + "5\r\nhello\r\n5\r\nhelloworld", 1 << 20, 400, ReasonBody},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			budget := NewBudget(c.budget)
			r := newRig(t, rigOptions{Options: Options{Budget: budget}}, echo)
			r.policy.signing(limit)
			conn := r.dial()
			go conn.write(c.in)
			resp, body := conn.get("POST")
			assert.Equal(t, c.status, resp.StatusCode)
			if c.reason != "" {
				assert.Equal(t, c.reason, body)
				assert.Zero(t, r.up.connections())
			}
			require.NoError(t, r.result())
			assert.Zero(t, budget.Used())
		})
	}
}

// A large head counts against the same budget.
func TestLargeHeadsAreInTheBudget(t *testing.T) {
	t.Parallel()
	budget := NewBudget(10 << 10)
	r := newRig(t, rigOptions{Options: Options{Budget: budget}}, echo)
	c := r.dial()
	c.send("GET / HTTP/1.1\r\nHost: localhost\r\nX: %s\r\n\r\n", strings.Repeat("y", 6000))
	resp, _ := c.get("GET")
	assert.Equal(t, 200, resp.StatusCode)
	c.write(fmt.Sprintf("GET / HTTP/1.1\r\nHost: localhost\r\nX: %s\r\n\r\n", strings.Repeat("y", 30000)))
	resp, body := c.get("GET")
	assert.Equal(t, 503, resp.StatusCode)
	assert.Equal(t, ReasonBuffer, body)
	require.NoError(t, r.result())
	assert.Zero(t, budget.Used())
}

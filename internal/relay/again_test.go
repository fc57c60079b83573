package relay

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unauthorizedFirst answers a connection's requests with 401 unless the policy's
// second credential is in them.
func unauthorizedFirst(c *upstreamConn) {
	for {
		req, body := c.request()
		if req == nil {
			return
		}
		status := "200 OK"
		if req.Header.Get("X-Attempt") == "0" {
			status = "401 Unauthorized"
		}
		c.send(fmt.Sprintf("HTTP/1.1 %s\r\nX-Encoding: %v\r\nContent-Length: %d\r\n\r\n%s", status, req.TransferEncoding, len(body), body))
	}
}

func (p *testPolicy) replay401() {
	p.request = func(_ context.Context, h *Head) (*Upstream, *Reply) {
		h.Add = fmt.Appendf(h.Add, "X-Attempt: %d\r\n", h.Attempt)
		return p.up, nil
	}
	p.response = func(_ *Head, r *ReplyHead) Verdict {
		if r.Status == 401 {
			return Again
		}
		return Pass
	}
}

func TestARequestIsSentOnceMoreWhenThePolicyWishes(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		o.Budget = NewBudget(8 << 20)
		r := newRig(t, o, unauthorizedFirst)
		r.policy.replay401()
		c := r.dial()
		for _, n := range []int{0, 10, 4000, 60000, 300000, 1 << 20} {
			for _, chunked := range []bool{false, true} {
				body := strings.Repeat("b", n)
				if chunked {
					go c.write(fmt.Sprintf("%s%x\r\n%s\r\n0\r\nX-T: 1\r\n\r\n", chunkedHead, n+1, body+"c"))
					body += "c"
				} else {
					go c.write(fmt.Sprintf("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", n, body))
				}
				resp, got := c.get("POST")
				require.Equal(t, 200, resp.StatusCode, "%d %v", n, chunked)
				require.True(t, got == body)
				require.Equal(t, chunked, strings.Contains(resp.Header.Get("X-Encoding"), "chunked"))
			}
		}
		require.NoError(t, r.result())
		assert.Zero(t, o.Budget.Used())
	})
}

func TestABodyBeyondTheBoundsIsNotKept(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		o    Options
		size int
	}{
		{"larger than the replay limit", Options{ReplayLimit: 100 << 10}, 500 << 10},
		{"no replay", Options{ReplayLimit: -1}, 500 << 10},
		{"budget used up", Options{Budget: NewBudget(100 << 10)}, 500 << 10},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, chunked %v", c.name, chunked), func(t *testing.T) {
				t.Parallel()
				o := c.o
				if o.Budget != nil { // each its own
					o.Budget = NewBudget(o.Budget.limit)
				}
				r := newRig(t, rigOptions{Options: o}, unauthorizedFirst)
				r.policy.replay401()
				conn := r.dial()
				if chunked {
					go conn.write(fmt.Sprintf("%s%x\r\n%s\r\n0\r\n\r\n", chunkedHead, c.size, strings.Repeat("b", c.size)))
				} else {
					go conn.write(fmt.Sprintf("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", c.size, strings.Repeat("b", c.size)))
				}
				resp, got := conn.get("POST")
				assert.Equal(t, 401, resp.StatusCode)
				assert.Len(t, got, c.size)
				require.NoError(t, r.result())
				if o.Budget != nil {
					assert.Zero(t, o.Budget.Used())
				}
			})
		}
	}
}

// A 401 that comes while the body is still coming: the second attempt sends what was
// kept and goes on with the rest.
func TestAnEarly401IsAnsweredWithTheRestOfTheBody(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		refused := make(chan struct{})
		r := newRig(t, o, func(c *upstreamConn) {
			req, err := http.ReadRequest(c.br)
			if err != nil {
				return
			}
			if req.Header.Get("X-Attempt") == "0" {
				_, _ = io.ReadFull(req.Body, make([]byte, 40000))
				c.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
				_, _ = io.Copy(io.Discard, c.br)
				close(refused)
				return
			}
			b, _ := io.ReadAll(req.Body)
			c.send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(b), b))
		})
		r.policy.replay401()
		c := r.dial()
		body := strings.Repeat("0123456789", 10000)
		c.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n%s", body[:50000])
		<-refused
		c.send("%s", body[50000:])
		resp, got := c.get("POST")
		assert.Equal(t, 200, resp.StatusCode)
		assert.True(t, got == body)
	})
}

// An upstream may close an idle connection at the very moment of its reuse.
func TestARequestOnAConnectionThatHasDiedIsRepeatedOnce(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		var served atomic.Int64
		r := newRig(t, o, func(c *upstreamConn) {
			// One answer, then the next request is read and the connection ends.
			req, body := c.request()
			if req == nil {
				return
			}
			served.Add(1)
			c.send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
			c.head()
			_ = c.raw.Close()
		})
		c := r.dial()
		for i := range 20 {
			body := strings.Repeat("x", i*1000)
			go c.write(fmt.Sprintf("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
			resp, got := c.get("POST")
			require.Equal(t, 200, resp.StatusCode, "%d", i)
			require.True(t, got == body)
		}
		assert.Equal(t, int64(20), served.Load())
		assert.Equal(t, uint64(19), r.policy.up.Stats().Retried)
	})
}

func TestARequestOnANewConnectionIsNotRepeated(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{}, func(c *upstreamConn) {
		c.head()
		_ = c.raw.Close()
	})
	c := r.dial()
	c.send(get)
	resp, body := c.get("GET")
	assert.Equal(t, 502, resp.StatusCode)
	assert.Equal(t, ReasonUpstreamReset, body)
	assert.Equal(t, 1, r.up.connections())
}

func TestAnEarlyAnswerStopsTheUpload(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		r := newRig(t, o, func(c *upstreamConn) {
			c.head()
			c.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
			_, _ = io.Copy(io.Discard, c.br)
		})
		c := r.dial()
		c.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n")
		c.send("%s", strings.Repeat("x", 100000))
		resp, body := c.get("POST")
		assert.Equal(t, 413, resp.StatusCode)
		assert.Equal(t, "big", body)
		assert.True(t, resp.Close)
		// What still comes does not destroy the answer.
		c.write(strings.Repeat("x", 100000))
		_, _ = io.ReadAll(c.br)
		c = r.dial()
		c.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		_, _ = c.get("GET")
		assert.Equal(t, 2, r.up.connections())
	})
}

func TestBothDirectionsRunAtOnce(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		r := newRig(t, o, func(c *upstreamConn) {
			req, err := http.ReadRequest(c.br)
			if err != nil {
				return
			}
			c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			b := make([]byte, 1)
			for {
				if _, err := io.ReadFull(req.Body, b); err != nil {
					break
				}
				c.send("1\r\n" + strings.ToUpper(string(b)) + "\r\n")
			}
			c.send("0\r\n\r\n")
		})
		c := r.dial()
		c.send(chunkedHead)
		c.head()
		for _, s := range []string{"a", "b", "c"} {
			c.send("1\r\n%s\r\n", s)
			b := make([]byte, 6)
			_, err := io.ReadFull(c.br, b)
			require.NoError(t, err)
			require.Equal(t, "1\r\n"+strings.ToUpper(s)+"\r\n", string(b))
		}
		c.send("0\r\n\r\n")
		b := make([]byte, 5)
		_, err := io.ReadFull(c.br, b)
		require.NoError(t, err)
		require.Equal(t, "0\r\n\r\n", string(b))
	})
}

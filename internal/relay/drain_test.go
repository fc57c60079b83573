package relay

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestADrainLetsStreamsFinishAndClosesIdleConnections(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		o.DrainTimeout = wait
		finish := make(chan struct{})
		r := newRig(t, o, func(c *upstreamConn) {
			for {
				head := c.head()
				switch {
				case head == "":
					return
				case strings.Contains(head, "/stream"):
					c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
					<-finish
					c.send("1\r\nb\r\n0\r\n\r\n")
				default:
					c.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			}
		})
		idle, fresh, stream := r.dial(), r.dial(), r.dial()
		idle.send(get)
		_, _ = idle.get("GET")
		stream.send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
		stream.head()
		eventually(t, func() bool { return r.server.Stats().Connections == 3 }, "all are open")
		r.stop()
		assert.Empty(t, idle.rest())
		assert.Empty(t, fresh.rest())
		_, err := net.Dial(r.net, r.addr)
		assert.Error(t, err)
		close(finish)
		assert.Equal(t, "1\r\na\r\n1\r\nb\r\n0\r\n\r\n", stream.rest())
		require.NoError(t, r.result())
	})
}

func TestADrainThatTakesTooLongCutsVisibly(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		o.DrainTimeout = 50 * time.Millisecond
		r := newRig(t, o, answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"))
		var streams []*client
		for range 5 {
			c := r.dial()
			c.send(get)
			c.head()
			streams = append(streams, c)
		}
		var cut *CutError
		require.ErrorAs(t, r.result(), &cut)
		assert.Equal(t, 5, cut.Requests)
		for _, c := range streams {
			assert.Equal(t, "1\r\na\r\n", c.rest())
		}
	})
}

func TestTheHeaderTimeoutCountsFromAcceptAndFromTheFirstByte(t *testing.T) {
	t.Parallel()
	o := Options{HeaderTimeout: 100 * time.Millisecond}
	r := newRig(t, rigOptions{Options: o}, echo)
	silent := r.dial()
	assert.Empty(t, silent.rest())
	slow := r.dial()
	slow.send("GET / HT")
	resp, body := slow.get("GET")
	assert.Equal(t, 408, resp.StatusCode)
	assert.Equal(t, ReasonHeaderTimeout, body)
	later := r.dial()
	later.send(get)
	_, _ = later.get("GET")
	// Idle for longer than the header timeout.
	time.AfterFunc(300*time.Millisecond, func() { later.write("GET / HTTP/1.1\r\nHost: localhost\r\n") })
	resp, _ = later.get("GET")
	assert.Equal(t, 408, resp.StatusCode)
}

func TestIdleConnectionsEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{Options: Options{IdleTimeout: 50 * time.Millisecond}}, echo)
	c := r.dial()
	c.send(get)
	_, _ = c.get("GET")
	assert.Empty(t, c.rest())
}

// shortListener runs out of descriptors for a while.
type shortListener struct {
	net.Listener
	mu    sync.Mutex
	fails int
	calls int
}

func (l *shortListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	l.calls++
	if l.calls <= l.fails {
		l.mu.Unlock()
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	l.mu.Unlock()
	return l.Listener.Accept()
}

func TestAcceptBacksOffWithoutDescriptors(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ln := &shortListener{Listener: inner, fails: 4}
	p := &testPolicy{request: policyAnswer(&Reply{Status: 204})}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	start := time.Now()
	go func() { ended <- Serve(ctx, ln, p, Options{}) }()
	conn, err := net.Dial("tcp", inner.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	c := &client{Conn: conn, t: t}
	c.send(get)
	b := make([]byte, 12)
	_, err = conn.Read(b)
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 204", string(b))
	assert.GreaterOrEqual(t, time.Since(start), 5*time.Millisecond+10*time.Millisecond+20*time.Millisecond+40*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
}

func TestServeEndsWhenItsListenerFails(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	assert.ErrorIs(t, Serve(t.Context(), ln, &testPolicy{}, Options{}), net.ErrClosed)
}

func TestAPanicEndsOneConnection(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		o.Gate = NewGate(10)
		r := newRig(t, o, echo)
		r.policy.request = func(_ context.Context, h *Head) (*Upstream, *Reply) {
			if string(h.Target) == "/request" {
				panic("request")
			}
			return r.policy.up, nil
		}
		r.policy.response = func(h *Head, _ *ReplyHead) Verdict {
			if string(h.Target) == "/response" {
				panic(errors.New("response"))
			}
			return Pass
		}
		for _, path := range []string{"/request", "/response"} {
			c := r.dial()
			c.send("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
			resp, body := c.get("GET")
			assert.Equal(t, 500, resp.StatusCode)
			assert.Equal(t, ReasonPanic, body)
			assert.Empty(t, c.rest())
		}
		c := r.dial()
		c.send(get)
		resp, _ := c.get("GET")
		assert.Equal(t, 200, resp.StatusCode)
		eventually(t, func() bool { return len(r.policy.summaries()) == 3 }, "each is told to the policy")
		eventually(t, func() bool { return o.Gate.Open() == 0 }, "the gate is left")
	})
}

func TestStatsCountWhatIsOpenAndWhatIsOver(t *testing.T) {
	t.Parallel()
	finish := make(chan struct{})
	r := newRig(t, rigOptions{}, func(c *upstreamConn) {
		for c.head() != "" {
			c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
			<-finish
			c.send("0\r\n\r\n")
		}
	})
	c := r.dial()
	c.send(get)
	c.head()
	eventually(t, func() bool {
		s := r.server.Stats()
		return s == Stats{Connections: 1, Requests: 1, Streams: 1, Accepted: 1}
	}, "one stream")
	close(finish)
	eventually(t, func() bool {
		s := r.server.Stats()
		return s == Stats{Connections: 1, Accepted: 1, Finished: 1, BytesOut: 11}
	}, "one request is over")
	assert.Equal(t, 1, r.policy.up.Stats().Idle)
	_ = c.Close()
	eventually(t, func() bool {
		s := r.server.Stats()
		return s == Stats{Accepted: 1, Finished: 1, BytesOut: 11}
	}, "the connection's counters are kept")
}

package relay

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// soon is generous: the bound is 100 ms on a quiet machine.
const soon = 2 * time.Second

func TestAClientThatLeavesEndsTheCallUpstream(t *testing.T) {
	t.Parallel()
	leave := map[string]func(c *client){
		"closes":      func(c *client) { _ = c.Close() },
		"half-closes": func(c *client) { _ = c.Conn.(interface{ CloseWrite() error }).CloseWrite() },
		"resets": func(c *client) {
			if tcp, ok := c.Conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = c.Close()
		},
	}
	stream := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
	for how, f := range leave {
		for _, phase := range []string{"while the upstream is silent", "in a stream", "in an upload", "in an upload beside a stream"} {
			t.Run(how+" "+phase, func(t *testing.T) {
				t.Parallel()
				eachShape(t, func(t *testing.T, o rigOptions) {
					began, ended := make(chan struct{}), make(chan struct{})
					r := newRig(t, o, func(c *upstreamConn) {
						if c.head() == "" {
							return
						}
						if strings.HasSuffix(phase, "stream") {
							c.send(stream)
						}
						close(began)
						_, _ = io.Copy(io.Discard, c.br)
						close(ended)
					})
					conn := r.dial()
					if strings.Contains(phase, "upload") {
						conn.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
						conn.send("%s", strings.Repeat("x", 50000))
					} else {
						conn.send(get)
					}
					<-began
					if strings.HasSuffix(phase, "stream") {
						b := make([]byte, len(stream))
						_, err := io.ReadFull(conn.br, b)
						require.NoError(t, err)
					}
					start := time.Now()
					f(conn)
					select {
					case <-ended:
						t.Logf("after %v", time.Since(start))
					case <-time.After(soon):
						t.Fatal("not noticed")
					}
					eventually(t, func() bool { return len(r.policy.summaries()) == 1 }, "the request is over")
					s := r.policy.summaries()[0]
					assert.True(t, s.Broken || s.Refused == ReasonBody, "%+v", s)
				})
			})
		}
	}
}

func TestAClientThatLeavesEndsAWaitOfThePolicy(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		if o.watch == watchReading {
			t.Skip("seen only while something runs upstream")
		}
		r := newRig(t, o, echo)
		began, ended := make(chan struct{}), make(chan struct{})
		r.policy.request = func(ctx context.Context, _ *Head) (*Upstream, *Reply) {
			close(began)
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
			assert.ErrorIs(t, ctx.Err(), context.Canceled)
			close(ended)
			return nil, &Reply{Status: 503, Close: true}
		}
		conn := r.dial()
		conn.send(get)
		<-began
		_ = conn.Close()
		<-ended
	})
}

func TestAClientThatLeavesEndsADial(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	ended := make(chan struct{})
	r := newRig(t, rigOptions{upstream: UpstreamOptions{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(began)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}}}, echo)
	conn := r.dial()
	conn.send(get)
	<-began
	_ = conn.Close()
	<-ended
}

// A client that reads nothing for a while costs little and loses nothing.
func TestASlowReaderGetsEverything(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		const size = 10 << 20
		body := strings.Repeat("0123456789abcdef", size/16)
		r := newRig(t, o, func(c *upstreamConn) {
			for c.head() != "" {
				c.send("HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n")
				c.send(body)
			}
		})
		conn := r.dial()
		for range 2 {
			conn.send(get)
			eventually(t, func() bool { return r.server.Stats().Streams == 1 }, "the stream runs")
			_, got := conn.get("GET")
			assert.True(t, got == body)
		}
	})
}

package relay

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const upgrade = "GET /v1/realtime HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

// upper accepts an upgrade and answers in capitals.
func upper(c *upstreamConn) {
	if !strings.Contains(c.head(), "Upgrade: WebSocket\r\n") {
		return
	}
	c.send(switching + "HELLO")
	b := make([]byte, 100)
	for {
		n, err := c.br.Read(b)
		if err != nil {
			return
		}
		c.send(strings.ToUpper(string(b[:n])))
		if strings.Contains(string(b[:n]), "bye") {
			return
		}
	}
}

func (c *client) want(s string) {
	c.t.Helper()
	b := make([]byte, len(s))
	_, err := io.ReadFull(c.br, b)
	require.NoError(c.t, err)
	require.Equal(c.t, s, string(b))
}

func TestAnUpgradeBecomesATunnel(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		r := newRig(t, o, upper)
		c := r.dial()
		c.send(upgrade + "early ")
		assert.Equal(t, "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", c.head())
		c.want("HELLO" + "EARLY ")
		for _, n := range []int{1, 500, 5000, 100000} {
			go c.write(strings.Repeat("x", n))
			c.want(strings.Repeat("X", n))
		}
		assert.Contains(t, r.up.requests()[0], "Authorization: Bearer injected\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n")
		c.send("bye")
		assert.Equal(t, "BYE", c.rest())
		_ = c.Close()
		eventually(t, func() bool { return len(r.policy.summaries()) == 1 }, "the tunnel is over")
		s := r.policy.summaries()[0]
		assert.Equal(t, 101, s.Status)
		assert.Equal(t, int64(6+105501+3), s.BytesIn)
		assert.Equal(t, int64(5+6+105501+3), s.BytesOut)
	})
}

func TestATunnelEndsWithItsClient(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		got := make(chan string, 1)
		r := newRig(t, o, func(c *upstreamConn) {
			if c.head() == "" {
				return
			}
			c.send(switching)
			b, _ := io.ReadAll(c.br)
			got <- string(b)
		})
		c := r.dial()
		c.send(upgrade)
		c.head()
		c.send("close frame")
		_ = c.Close()
		assert.Equal(t, "close frame", <-got)
		eventually(t, func() bool { return r.server.Stats().Connections == 0 }, "nothing is left")
	})
}

func TestADrainCutsTunnels(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{Options: Options{DrainTimeout: 20 * time.Millisecond}}, upper)
	c := r.dial()
	c.send(upgrade)
	c.head()
	var cut *CutError
	require.ErrorAs(t, r.result(), &cut)
	assert.Equal(t, 1, cut.Requests)
}

// A request that pretends to be behind an upgrade goes upstream only as itself.
func TestEarlyBytesWaitForThe101(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{}, func(c *upstreamConn) {
		for {
			head := c.head()
			if head == "" {
				return
			}
			assert.Zero(t, c.br.Buffered())
			c.send("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n")
		}
	})
	c := r.dial()
	c.send(upgrade + "GET /smuggled HTTP/1.1\r\nHost: localhost\r\nX : bad\r\n\r\n")
	resp, _ := c.get("GET")
	assert.Equal(t, 426, resp.StatusCode)
	resp, _ = c.get("GET")
	assert.Equal(t, 400, resp.StatusCode)
	assert.NotContains(t, r.up.received(), "smuggled")
}

func TestA101ForAnotherProtocolIs502(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{}, answer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"))
	c := r.dial()
	c.send(upgrade)
	resp, _ := c.get("GET")
	assert.Equal(t, 502, resp.StatusCode)
}

func TestATunnelHalfClosedByTheUpstream(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{plain: true}, func(c *upstreamConn) {
		c.head()
		c.send(switching + "bye")
		_ = c.raw.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c.br)
	})
	c := r.dial()
	c.send(upgrade)
	c.head()
	assert.Equal(t, "bye", c.rest())
	eventually(t, func() bool { return r.server.Stats().Connections == 0 }, "nothing is left")
	assert.False(t, r.policy.summaries()[0].Broken, fmt.Sprint(r.policy.summaries()))
}

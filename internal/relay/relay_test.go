package relay

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func eachShape(t *testing.T, f func(t *testing.T, o rigOptions)) {
	for _, o := range []struct {
		name string
		o    rigOptions
	}{
		{"tcp to tls", rigOptions{}},
		{"unix to tls", rigOptions{unix: true}},
		{"tcp to plain", rigOptions{plain: true}},
		{"tcp to tls, clients watched by reading", rigOptions{Options: Options{watch: watchReading}}},
	} {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			f(t, o.o)
		})
	}
}

func TestARequestGoesUpstreamInOneWriteWithTheCredential(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		r := newRig(t, o, echo)
		c := r.dial()
		for i := range 3 {
			c.send("POST /v1/messages?x=%d HTTP/1.1\r\nHost: localhost\r\nauthorization: Bearer mine\r\nX-A: 1\r\nx_b:2\r\nContent-Length: 5\r\n\r\nhello", i)
			resp, body := c.get("POST")
			assert.Equal(t, 200, resp.StatusCode)
			assert.Equal(t, "hello", body)
			assert.Equal(t, fmt.Sprintf("/v1/messages?x=%d", i), resp.Header.Get("X-Target"))
		}
		assert.Equal(t, 1, r.up.connections())
		want := "POST /v1/messages?x=0 HTTP/1.1\r\nHost: " + r.up.addr + "\r\nX-A: 1\r\nx_b: 2\r\nAuthorization: Bearer injected\r\nContent-Length: 5\r\n\r\nhello"
		assert.True(t, strings.HasPrefix(r.up.received(), want), r.up.received())
	})
}

func TestABodyOfAnySizeGoesBothWays(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		r := newRig(t, o, echo)
		c := r.dial()
		for _, n := range []int{0, 1, 3000, 4096, 5000, 33000, 65536, 70000, 1 << 20, 3 << 20} {
			body := strings.Repeat("0123456789abcdef", n/16+1)[:n]
			go c.send("POST /b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", n, body)
			resp, got := c.get("POST")
			assert.Equal(t, 200, resp.StatusCode)
			assert.True(t, body == got, "%d bytes", n)
		}
		assert.Equal(t, 1, r.up.connections())
	})
}

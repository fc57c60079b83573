package relay

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rawEcho answers with the bytes of the request's head and body as they came; it
// understands the two framings just enough.
func rawEcho(c *upstreamConn) {
	for {
		head := c.head()
		if head == "" {
			return
		}
		body := ""
		switch {
		case strings.Contains(head, "Transfer-Encoding: chunked"):
			for !strings.HasSuffix(body, "0\r\n\r\n") && !(strings.Contains(body, "0\r\n") && strings.HasSuffix(body, "\r\n\r\n")) {
				b, err := c.br.ReadByte()
				if err != nil {
					return
				}
				body += string(b)
			}
		case strings.Contains(head, "Content-Length: "):
			var n int
			_, v, _ := strings.Cut(head, "Content-Length: ")
			_, _ = fmt.Sscan(v, &n)
			b := make([]byte, n)
			if _, err := io.ReadFull(c.br, b); err != nil {
				return
			}
			body = string(b)
		}
		c.send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s\r\n%s", len(head)+2+len(body), head, body))
	}
}

func TestWhatGoesUpstream(t *testing.T) {
	t.Parallel()
	const host = "Host: localhost\r\n"
	for _, c := range []struct {
		name, in, want string // want: without Host and the injected line
	}{
		{"targets pass byte for byte", "GET /model/arn%3Aaws%3Ax%2Fy/converse HTTP/1.1\r\n" + host + "\r\n", "GET /model/arn%3Aaws%3Ax%2Fy/converse HTTP/1.1\r\n\r\n"},
		{"double escapes pass", "GET /a%253Ab HTTP/1.1\r\n" + host + "\r\n", "GET /a%253Ab HTTP/1.1\r\n\r\n"},
		{"empty segments pass", "GET /a//b HTTP/1.1\r\n" + host + "\r\n", "GET /a//b HTTP/1.1\r\n\r\n"},
		{"an empty query passes", "GET /a? HTTP/1.1\r\n" + host + "\r\n", "GET /a? HTTP/1.1\r\n\r\n"},
		{"a query may hold anything printable", "GET /a??a=..%2f..&b=%zz{|}\\ HTTP/1.1\r\n" + host + "\r\n", "GET /a??a=..%2f..&b=%zz{|}\\ HTTP/1.1\r\n\r\n"},
		{"parameters and dots in names pass", "GET /a;p=1/.x/..y/z../v1...x HTTP/1.1\r\n" + host + "\r\n", "GET /a;p=1/.x/..y/z../v1...x HTTP/1.1\r\n\r\n"},
		{"fields keep order, case and value", "GET / HTTP/1.1\r\nX-B:  two \t\r\n" + host + "x-a: é\xff\r\nX-B:\r\n\r\n", "GET / HTTP/1.1\r\nX-B: two\r\nx-a: é\xff\r\nX-B: \r\n\r\n"},
		{"hop-by-hop fields end here", "GET / HTTP/1.1\r\n" + host + "Keep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\nTE: gzip\r\nTrailer: X\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nProxy-Authorization: x\r\nProxy-Authenticate: x\r\nConnection: keep-alive, upgrade\r\nA: 1\r\n\r\n", "GET / HTTP/1.1\r\nA: 1\r\n\r\n"},
		{"so do their spellings with an underscore", "GET / HTTP/1.1\r\n" + host + "Keep_Alive: 5\r\nTransfer_Encoding: chunked\r\nContent_Length: 5\r\nHTTP2_Settings: x\r\nA_B: 1\r\n\r\n", "GET / HTTP/1.1\r\nA_B: 1\r\n\r\n"},
		{"nominated fields end here", "POST / HTTP/1.1\r\n" + host + "anthropic-beta: x\r\nx_amz_date: 1\r\nConnection: Anthropic-Beta,\t X-AMZ-Date ,, connection, Host, Content-Length\r\nContent-Length: 2\r\n\r\nhi", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"},
		{"a nomination does not touch what is injected", "GET / HTTP/1.1\r\n" + host + "Connection: authorization\r\nAuthorization: Bearer mine\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"},
		{"500 nominations", "GET / HTTP/1.1\r\n" + host + "Connection: " + strings.Repeat("a, ", 499) + "b\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", "GET / HTTP/1.1\r\nC: 3\r\n\r\n"},
		{"an upgrade to something else is ignored", "GET / HTTP/1.1\r\n" + host + "Connection: upgrade\r\nUpgrade: foo\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"},
		{"a WebSocket handshake without a key is ignored", "GET / HTTP/1.1\r\n" + host + "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n", "GET / HTTP/1.1\r\nSec-WebSocket-Version: 13\r\n\r\n"},
		{"chunked in another case", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
		{"chunk framing passes byte for byte", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0005\r\nhello\r\nA\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0005\r\nhello\r\nA\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n"},
		{"trailers pass but for the forbidden", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\nTransfer_Encoding: x\r\nHost: evil\r\nX-Drop: 1\r\nx-z: 2\r\n\r\n", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\nx-z: 2\r\n\r\n"},
		{"a length of nothing is kept", "POST / HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"},
		{"GET with a body", "GET / HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello", "GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"},
		{"DELETE with chunks", "DELETE / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", "DELETE / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"},
		{"HTTP/1.0", "GET / HTTP/1.0\r\n" + host + "Connection: keep-alive\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"},
		{"a field of 16 KiB", "GET / HTTP/1.1\r\n" + host + "X: " + strings.Repeat("y", 16<<10) + "\r\n\r\n", "GET / HTTP/1.1\r\nX: " + strings.Repeat("y", 16<<10) + "\r\n\r\n"},
		{"hosts of every form", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"},
		{"an expectation is ours", "POST / HTTP/1.1\r\n" + host + "Expect: 100-Continue\r\nContent-Length: 2\r\n\r\nhi", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"},
		{"an expectation twice", "POST / HTTP/1.1\r\n" + host + "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{}, rawEcho)
			r.policy.trailer = func(fields []Field) {
				for i := range fields {
					if sameName(fields[i].Name, "x-drop") {
						fields[i].Drop = true
					}
				}
			}
			conn := r.dial()
			// Whole, then in two pieces at every place that matters.
			for _, cut := range []int{len(c.in), 1, len(c.in) / 2, len(c.in) - 1} {
				conn.send("%s", c.in[:cut])
				conn.send("%s", c.in[cut:])
				_, body := conn.get("GET")
				want := strings.Replace(c.want, " HTTP/1.1\r\n", " HTTP/1.1\r\nHost: "+r.up.addr+"\r\n", 1)
				got := strings.Replace(body, string(injected), "", 1)
				assert.Equal(t, want, got)
				assert.NotEqual(t, got, body)
			}
			assert.Equal(t, 1, r.up.connections())
		})
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		r := newRig(t, o, echo)
		c := r.dial()
		var b strings.Builder
		for i := range 100 {
			body := strings.Repeat("x", i*37)
			switch i % 3 {
			case 0:
				fmt.Fprintf(&b, "POST /%d HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", i, len(body), body)
			case 1:
				fmt.Fprintf(&b, "POST /%d HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", i, len(body)+1, body+"y")
			case 2:
				fmt.Fprintf(&b, "GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n", i)
			}
		}
		b.WriteString("GET /bad" + ok + "X : 1\r\n\r\nGET /never" + ok + "\r\n")
		go c.write(b.String())
		for i := range 100 {
			resp, _ := c.get("GET")
			require.Equal(t, fmt.Sprintf("/%d", i), resp.Header.Get("X-Target"))
		}
		resp, _ := c.get("GET")
		assert.Equal(t, 400, resp.StatusCode)
		assert.Empty(t, c.rest())
		assert.NotContains(t, r.up.received(), "never")
	})
}

func TestTheTailOfABodyIsARequestOnlyIfItIsOne(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{}, echo)
	c := r.dial()
	c.send(chunkedHead + "5\r\nhello\r\n0\r\n\r\nGARBAGE\r\n\r\n")
	resp, body := c.get("POST")
	assert.Equal(t, 200, resp.StatusCode)
	assert.Equal(t, "hello", body)
	resp, _ = c.get("GET")
	assert.Equal(t, 400, resp.StatusCode)
	assert.Empty(t, c.rest())
	assert.NotContains(t, r.up.received(), "GARBAGE")
}

func TestAMissingLastChunkIsNoEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{}, echo)
	c := r.dial()
	c.send(chunkedHead + "5\r\nhello\r\n")
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	assert.NotContains(t, c.rest(), "200 OK")
	assert.NotContains(t, r.up.received(), "0\r\n\r\n")
}

func TestAnInvitedBodyFollowsOne100(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		r := newRig(t, o, echo)
		c := r.dial()
		c.send("POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
		assert.Equal(t, "HTTP/1.1 100 Continue\r\n", c.head())
		c.send("hello")
		_, body := c.get("POST")
		assert.Equal(t, "hello", body)
		// Not invited: no body, and HTTP/1.0.
		c.send("POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n")
		resp, _ := c.get("POST")
		assert.Equal(t, 200, resp.StatusCode)
		c.send("POST / HTTP/1.0\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
		c.send("hi")
		resp, body = c.get("POST")
		assert.Equal(t, 200, resp.StatusCode)
		assert.Equal(t, "hi", body)
	})
}

func TestARefusalComesBeforeTheInvitation(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{}, echo)
	r.policy.request = policyAnswer(&Reply{Status: 403, Body: []byte("no")})
	c := r.dial()
	c.send("POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	resp, body := c.get("POST")
	assert.Equal(t, 403, resp.StatusCode)
	assert.Equal(t, "no", body)
	assert.True(t, resp.Close)
	assert.Empty(t, c.rest())
}

func TestAnAnswerOfOurOwnKeepsTheConnection(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		r := newRig(t, o, echo)
		r.policy.request = policyAnswer(&Reply{Status: 200, Fields: []Field{{Name: []byte("X-A"), Value: []byte("b")}}, Body: []byte("fine")})
		c := r.dial()
		for range 3 {
			c.send("%s", "POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n"+strings.Repeat("x", 10000))
			resp, body := c.get("POST")
			assert.Equal(t, "fine", body)
			assert.Equal(t, "b", resp.Header.Get("X-A"))
			_, err := http.ParseTime(resp.Header.Get("Date"))
			assert.NoError(t, err)
			if resp.Close { // the body had not come yet
				c = r.dial()
				continue
			}
			c.send("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
			resp, body = c.get("HEAD")
			assert.Equal(t, int64(4), resp.ContentLength)
			assert.Empty(t, body)
		}
		assert.Zero(t, r.up.connections())
	})
}

func TestTheGateBoundsRequestsAtOnce(t *testing.T) {
	t.Parallel()
	gate := NewGate(1)
	held := make(chan struct{})
	r := newRig(t, rigOptions{Options: Options{Gate: gate}}, func(c *upstreamConn) {
		c.head()
		<-held
		c.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		c.head()
	})
	first := r.dial()
	first.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	eventually(t, func() bool { return len(r.up.requests()) == 1 }, "the first request is upstream")
	second := r.dial()
	second.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	resp, body := second.get("GET")
	assert.Equal(t, 503, resp.StatusCode)
	assert.Equal(t, ReasonRequests, body)
	close(held)
	resp, _ = first.get("GET")
	assert.Equal(t, 200, resp.StatusCode)
	eventually(t, func() bool { return gate.Open() == 0 }, "the gate is left")
}

package relay

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

// answer serves one request of a connection with raw bytes and then keeps it open
// until the other side ends it.
func answer(raw string) func(c *upstreamConn) {
	return func(c *upstreamConn) {
		for c.head() != "" {
			c.send(raw)
		}
	}
}

func TestWhatComesBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method, minor, in, want string
		keep                          bool // both connections are used again
	}{
		{"fields keep order, case and value", "GET", "1", "HTTP/1.1 200 Fine indeed\r\nx-B:  2 \r\nDate: d\r\nContent-Length: 2\r\nX-a: é\r\n\r\nhi", "HTTP/1.1 200 Fine indeed\r\nx-B: 2\r\nDate: d\r\nX-a: é\r\nContent-Length: 2\r\n\r\nhi", true},
		{"hop-by-hop fields end here", "GET", "1", "HTTP/1.1 200 OK\r\nConnection: Authorization, keep-alive\r\nAuthorization: x\r\nKeep-Alive: 5\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\nTrailer: X\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true},
		{"a missing reason is tolerated", "GET", "1", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", true},
		{"statuses of the vendors pass", "GET", "1", "HTTP/1.1 529 Overloaded\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 529 Overloaded\r\nContent-Length: 0\r\n\r\n", true},
		{"redirects pass", "GET", "1", "HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\nContent-Length: 0\r\n\r\n", true},
		{"equal lengths are one", "GET", "1", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\nhi", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", true},
		{"chunks pass byte for byte, extensions and trailers too", "GET", "1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n02;a=\"b\"\r\nhi\r\nA \r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n02;a=\"b\"\r\nhi\r\nA \r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n", true},
		{"forbidden trailers are dropped", "GET", "1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\n\r\n", true},
		{"HEAD has a length and no body", "HEAD", "1", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", true},
		{"HEAD of chunks", "HEAD", "1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true},
		{"204", "GET", "1", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", true},
		{"304 keeps its length", "GET", "1", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: x\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 7\r\n\r\n", true},
		{"early hints pass", "GET", "1", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true},
		{"100 unasked is not passed", "GET", "1", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true},
		{"HTTP/1.0 hears no 1xx", "GET", "0", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", false},
		{"HTTP/1.0 gets the data of chunks", "GET", "0", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3;x\r\n yo\r\n0\r\nX: 1\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi yo", false},
		{"ranges pass", "GET", "1", "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nhi", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachShape(t, func(t *testing.T, o rigOptions) {
				r := newRig(t, o, answer(c.in))
				conn := r.dial()
				n := 2
				if !c.keep {
					n = 1
				}
				for range n {
					conn.send("%s / HTTP/1.%s\r\nHost: localhost\r\n\r\n", c.method, c.minor)
					b := make([]byte, len(c.want))
					k, err := io.ReadFull(conn.br, b)
					assert.NoError(t, err)
					assert.Equal(t, c.want, string(b[:k]))
				}
				if c.keep {
					assert.Equal(t, 1, r.up.connections())
				} else {
					assert.Empty(t, conn.rest())
				}
			})
		})
	}
}

func TestAReplyThatCannotBeTrustedIs502(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in string }{
		{"length and chunked", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"},
		{"a length list", "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello"},
		{"an unknown encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
		{"chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
		{"NUL in a value", "HTTP/1.1 200 OK\r\nX: a\x00\r\nContent-Length: 0\r\n\r\n"},
		{"a folded field", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"},
		{"blank before a colon", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"},
		{"status 999", "HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n"},
		{"status of two digits", "HTTP/1.1 20 X\r\nContent-Length: 0\r\n\r\n"},
		{"ICY", "ICY 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{"HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{"101 unasked", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"},
		{"1,000 informational answers", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 1000) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{"10,000 fields", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 10000) + "Content-Length: 0\r\n\r\n"},
		{"a head of 1 MiB", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 1<<20) + "\r\nContent-Length: 0\r\n\r\n"},
		{"control bytes in the reason", "HTTP/1.1 200 O\x1bK\r\nContent-Length: 0\r\n\r\n"},
		{"HTTP/2 frames", "\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{}, answer(c.in))
			conn := r.dial()
			conn.send(get)
			for {
				resp, body := conn.get("GET")
				if resp.StatusCode == 102 {
					continue
				}
				assert.Equal(t, 502, resp.StatusCode)
				assert.Equal(t, ReasonUpstreamReply, body)
				break
			}
			// The client's connection lives, the upstream's does not.
			conn.send(get)
			eventually(t, func() bool { return r.up.connections() == 2 }, "a second connection")
		})
	}
}

func TestABodyOfAReplyWithoutOneIsDropped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, method, in string }{
		{"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\nHTTP/1.1 200 Smuggled\r\n\r\n.."},
		{"204", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 26\r\n\r\nHTTP/1.1 200 Smuggled\r\n\r\n.."},
		{"304", "GET", "HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 Smuggled\r\n\r\n.."},
		{"200 with more than its length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 Smuggled\r\n\r\n.."},
		{"200 with more than its chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 Smuggled\r\n\r\n.."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{}, answer(c.in))
			conn := r.dial()
			for i := range 5 {
				conn.send("%s / HTTP/1.1\r\nHost: localhost\r\n\r\n", c.method)
				resp, body := conn.get(c.method)
				assert.NotContains(t, resp.Status, "Smuggled")
				assert.Empty(t, body)
				assert.Equal(t, i+1, r.up.connections())
			}
		})
	}
}

// An upstream's unasked bytes must never become the next client's answer, wherever
// they wait: in the socket, decrypted, or half a record.
func TestUnaskedBytesDiscardTheConnection(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		poisoned := make(chan struct{}, 1)
		r := newRig(t, o, func(c *upstreamConn) {
			for c.head() != "" {
				c.send(fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Conn: %d\r\nContent-Length: 0\r\n\r\n", c.n))
				c.send("HTTP/1.1 200 Poison\r\nContent-Length: 0\r\n\r\n")
				poisoned <- struct{}{}
			}
		})
		conn := r.dial()
		for i := range 10 {
			conn.send(get)
			resp, _ := conn.get("GET")
			require.Equal(t, "200 OK", resp.Status)
			require.Equal(t, fmt.Sprint(i+1), resp.Header.Get("X-Conn"))
			<-poisoned
		}
	})
}

func TestABrokenReplyBreaksVisibly(t *testing.T) {
	t.Parallel()
	cut := func(raw string, end func(c *upstreamConn)) func(c *upstreamConn) {
		return func(c *upstreamConn) {
			c.head()
			c.send(raw)
			end(c)
		}
	}
	fin := func(c *upstreamConn) { _ = c.raw.Close() }
	reset := func(c *upstreamConn) { _ = c.raw.(*net.TCPConn).SetLinger(0); _ = c.raw.Close() }
	alert := func(c *upstreamConn) { _ = c.Conn.Close() }
	for _, c := range []struct {
		name, raw, minor string
		end              func(c *upstreamConn)
		whole            bool
	}{
		{"chunks, FIN", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "1", fin, false},
		{"chunks, close alert", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "1", alert, false},
		{"chunks, reset", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "1", reset, false},
		{"a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n", "1", func(c *upstreamConn) { c.head() }, false},
		{"length, close alert", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "1", alert, false},
		{"to the end, close alert", "HTTP/1.1 200 OK\r\n\r\nhello", "1", alert, true},
		{"to the end, FIN alone", "HTTP/1.1 200 OK\r\n\r\nhello", "1", fin, false},
		{"to the end, reset", "HTTP/1.1 200 OK\r\n\r\nhello", "1", reset, false},
		{"HTTP/1.0, to the end, close alert", "HTTP/1.1 200 OK\r\n\r\nhello", "0", alert, true},
		{"HTTP/1.0, to the end, FIN alone", "HTTP/1.1 200 OK\r\n\r\nhello", "0", fin, false},
		{"HTTP/1.0, chunks, FIN", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "0", fin, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{}, cut(c.raw, c.end))
			conn := r.dial()
			conn.send("GET / HTTP/1.%s\r\nHost: localhost\r\n\r\n", c.minor)
			head, err := readHead(conn.br)
			if err != nil { // the reset overtook it
				require.False(t, c.whole)
				return
			}
			require.Contains(t, head, "200 OK")
			if c.whole && c.minor == "1" {
				b := make([]byte, 15)
				_, err = io.ReadFull(conn.br, b)
				require.NoError(t, err)
				assert.Equal(t, "5\r\nhello\r\n0\r\n\r\n", string(b))
				return
			}
			body, err := io.ReadAll(conn.br)
			switch {
			case c.whole:
				assert.NoError(t, err)
				assert.Equal(t, "hello", string(body))
			case c.minor == "0":
				assert.ErrorIs(t, err, syscall.ECONNRESET)
			case strings.Contains(head, "chunked"):
				assert.False(t, strings.HasSuffix(string(body), "0\r\n\r\n"))
			default:
				assert.Less(t, len(body), 10)
			}
			require.NoError(t, r.result())
			assert.Equal(t, !c.whole, r.policy.summaries()[0].Broken)
		})
	}
}

func TestAPlainUpstreamEndsItsReplyWithFIN(t *testing.T) {
	t.Parallel()
	for _, reset := range []bool{false, true} {
		r := newRig(t, rigOptions{plain: true}, func(c *upstreamConn) {
			c.head()
			c.send("HTTP/1.1 200 OK\r\n\r\nhello")
			if reset {
				_ = c.raw.(*net.TCPConn).SetLinger(0)
			}
		})
		conn := r.dial()
		conn.send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		b, err := io.ReadAll(conn.br)
		if reset {
			assert.False(t, strings.HasSuffix(string(b), "0\r\n\r\n"))
			continue
		}
		assert.NoError(t, err)
		assert.True(t, strings.HasSuffix(string(b), "5\r\nhello\r\n0\r\n\r\n"))
	}
}

// Each event is on its way when it has come, in whatever pieces.
func TestEachChunkIsFlushed(t *testing.T) {
	t.Parallel()
	eachShape(t, func(t *testing.T, o rigOptions) {
		next := make(chan string)
		r := newRig(t, o, func(c *upstreamConn) {
			if c.head() == "" {
				return
			}
			for s := range next {
				c.send(s)
			}
		})
		defer close(next)
		conn := r.dial()
		conn.send(get)
		next <- "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
		conn.head()
		for _, n := range []int{1, 100, 488, 489, 500, 501, 512, 513, 4096, 16384, 16385, 100000, 3} {
			event := fmt.Sprintf("%x\r\n%s\r\n", n, strings.Repeat("e", n))
			go func() { next <- event }()
			b := make([]byte, len(event))
			_, err := io.ReadFull(conn.br, b)
			require.NoError(t, err)
			require.True(t, event == string(b))
		}
		next <- "0\r\n\r\n"
		b := make([]byte, 5)
		_, err := io.ReadFull(conn.br, b)
		require.NoError(t, err)
	})
}

func TestFailuresOfTheUpstreamAreNamed(t *testing.T) {
	t.Parallel()
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, ln.Close())
		assert.Equal(t, ReasonUpstreamDial, faultOf(t, UpstreamOptions{Scheme: "https", Address: ln.Addr().String()}))
	})
	t.Run("no such name", func(t *testing.T) {
		t.Parallel()
		err := &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "x.invalid", IsNotFound: true}}
		assert.Equal(t, ReasonUpstreamDNS, faultOf(t, UpstreamOptions{Scheme: "https", Address: "x.invalid:443", Dial: failingDial(err)}))
	})
	t.Run("unknown authority", func(t *testing.T) {
		t.Parallel()
		up := newFakeUpstream(t, true, echo)
		assert.Equal(t, ReasonUpstreamTLS, faultOf(t, UpstreamOptions{Scheme: "https", Address: up.addr}))
	})
	t.Run("reset before the head", func(t *testing.T) {
		t.Parallel()
		up := newFakeUpstream(t, false, func(c *upstreamConn) { c.head() })
		assert.Equal(t, ReasonUpstreamReset, faultOf(t, UpstreamOptions{Scheme: "http", Address: up.addr}))
	})
	t.Run("a failing dial", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, ReasonUpstreamDial, faultOf(t, UpstreamOptions{Scheme: "http", Address: "127.0.0.1:1", Dial: failingDial(errors.New("no"))}))
	})
}

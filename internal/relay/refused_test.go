package relay

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const ok = " HTTP/1.1\r\nHost: localhost\r\n"

// refusals are whole inputs that must be answered with one refusal, of which no
// byte may reach the upstream.
var refusals = []struct {
	name, input string
	status      int
	reason      string
}{
	{"absolute form", "GET http://evil.test/v1" + ok + "\r\n", 400, ReasonTarget},
	{"absolute form of another scheme", "GET file:///etc/passwd" + ok + "\r\n", 400, ReasonTarget},
	{"two slashes", "GET //evil.test/v1" + ok + "\r\n", 400, ReasonTarget},
	{"three slashes", "GET ///evil.test/v1" + ok + "\r\n", 400, ReasonTarget},
	{"slash and backslash", `GET /\evil.test/v1` + ok + "\r\n", 400, ReasonTarget},
	{"two backslashes", `GET \\evil.test\v1` + ok + "\r\n", 400, ReasonTarget},
	{"authority form", "GET evil.test:443" + ok + "\r\n", 400, ReasonTarget},
	{"asterisk form", "OPTIONS *" + ok + "\r\n", 400, ReasonTarget},
	{"CONNECT", "CONNECT evil.test:443" + ok + "\r\n", 405, ReasonMethod},
	{"CONNECT with a path", "CONNECT /v1" + ok + "\r\n", 405, ReasonMethod},
	{"dot dot", "GET /v1/../x" + ok + "\r\n", 400, ReasonTarget},
	{"dot", "GET /v1/./x" + ok + "\r\n", 400, ReasonTarget},
	{"encoded dot dot", "GET /v1/%2e%2e/x" + ok + "\r\n", 400, ReasonTarget},
	{"half encoded dot dot", "GET /v1/.%2E/x" + ok + "\r\n", 400, ReasonTarget},
	{"dot dot and encoded slash", "GET /v1/..%2fx" + ok + "\r\n", 400, ReasonTarget},
	{"all of it encoded", "GET /v1/%2e%2e%2fx" + ok + "\r\n", 400, ReasonTarget},
	{"dot dot and encoded backslash", "GET /v1/..%5cx" + ok + "\r\n", 400, ReasonTarget},
	{"encoded slash and dot dot", "GET /v1%2f../x" + ok + "\r\n", 400, ReasonTarget},
	{"dot dot with a parameter", "GET /v1/..;/x" + ok + "\r\n", 400, ReasonTarget},
	{"dot dot with an encoded parameter", "GET /v1/..%3bx/x" + ok + "\r\n", 400, ReasonTarget},
	{"dot dot at the root", "GET /.." + ok + "\r\n", 400, ReasonTarget},
	{"dot dot before the query", "GET /v1/..?x" + ok + "\r\n", 400, ReasonTarget},
	{"encoded NUL", "GET /v1/%00" + ok + "\r\n", 400, ReasonTarget},
	{"encoded CRLF", "GET /v1/%0d%0aX:1" + ok + "\r\n", 400, ReasonTarget},
	{"broken escape", "GET /v1/%zz" + ok + "\r\n", 400, ReasonTarget},
	{"escape cut short", "GET /v1/%" + ok + "\r\n", 400, ReasonTarget},
	{"8-bit byte in the target", "GET /v1/\x80" + ok + "\r\n", 400, ReasonTarget},
	{"UTF-8 in the target", "GET /v1/é" + ok + "\r\n", 400, ReasonTarget},
	{"tab in the target", "GET /v1\t/x" + ok + "\r\n", 400, ReasonTarget},
	{"fragment", "GET /v1#frag" + ok + "\r\n", 400, ReasonTarget},
	{"fragment in the query", "GET /v1?a#b" + ok + "\r\n", 400, ReasonTarget},
	{"NUL in the query", "GET /v1?a\x00" + ok + "\r\n", 400, ReasonTarget},
	{"blank in the method", "GE T /v1" + ok + "\r\n", 400, ReasonRequestLine},
	{"two blanks", "GET  /v1" + ok + "\r\n", 400, ReasonRequestLine},
	{"method that is no token", "G@T /v1" + ok + "\r\n", 400, ReasonRequestLine},
	{"4 KiB of method", strings.Repeat("A", 4096) + " /v1" + ok + "\r\n", 501, ReasonMethod},
	{"no version", "GET /v1\r\nHost: localhost\r\n\r\n", 400, ReasonRequestLine},
	{"HTTP/2.0", "GET /v1 HTTP/2.0\r\nHost: localhost\r\n\r\n", 505, ReasonVersion},
	{"HTTP/1.2", "GET /v1 HTTP/1.2\r\nHost: localhost\r\n\r\n", 505, ReasonVersion},
	{"HTTP/9.9", "GET /v1 HTTP/9.9\r\nHost: localhost\r\n\r\n", 505, ReasonVersion},
	{"http/1.1", "GET /v1 http/1.1\r\nHost: localhost\r\n\r\n", 400, ReasonRequestLine},
	{"HTTP/1.1x", "GET /v1 HTTP/1.1x\r\nHost: localhost\r\n\r\n", 400, ReasonRequestLine},
	{"h2c preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, ReasonVersion},
	{"TLS ClientHello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abc", 400, ReasonRequestLine},
	{"zeros", strings.Repeat("\x00", 1<<20), 400, ReasonRequestLine},
	{"no Host", "GET /v1 HTTP/1.1\r\n\r\n", 400, ReasonHost},
	{"no Host in HTTP/1.0", "GET /v1 HTTP/1.0\r\n\r\n", 400, ReasonHost},
	{"empty Host", "GET /v1 HTTP/1.1\r\nHost:\r\n\r\n", 400, ReasonHost},
	{"Host twice, same", "GET /v1" + ok + "Host: localhost\r\n\r\n", 400, ReasonHost},
	{"Host twice, different", "GET /v1" + ok + "Host: evil.test\r\n\r\n", 400, ReasonHost},
	{"Host with a path", "GET /v1 HTTP/1.1\r\nHost: localhost/x\r\n\r\n", 400, ReasonHost},
	{"Host with a blank", "GET /v1 HTTP/1.1\r\nHost: local host\r\n\r\n", 400, ReasonHost},
	{"Host with userinfo", "GET /v1 HTTP/1.1\r\nHost: a@localhost\r\n\r\n", 400, ReasonHost},
	{"Host with a comma", "GET /v1 HTTP/1.1\r\nHost: localhost,evil.test\r\n\r\n", 400, ReasonHost},
	{"Host with NUL", "GET /v1 HTTP/1.1\r\nHost: local\x00host\r\n\r\n", 400, ReasonField},
	{"Host with a port too large", "GET /v1 HTTP/1.1\r\nHost: localhost:65536\r\n\r\n", 400, ReasonHost},
	{"Host with an empty port", "GET /v1 HTTP/1.1\r\nHost: localhost:\r\n\r\n", 400, ReasonHost},
	{"Host with an open bracket", "GET /v1 HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, ReasonHost},

	{"length and chunked", "POST /v1" + ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil" + ok + "\r\n", 400, ReasonFraming},
	{"chunked and length", "POST /v1" + ok + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /evil" + ok + "\r\n", 400, ReasonFraming},
	{"encoding xchunked", "POST /v1" + ok + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, ReasonFraming},
	{"encoding chunked, identity", "POST /v1" + ok + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400, ReasonFraming},
	{"encoding gzip, chunked", "POST /v1" + ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, ReasonFraming},
	{"encoding chunked twice in a line", "POST /v1" + ok + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400, ReasonFraming},
	{"encoding chunked on two lines", "POST /v1" + ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, ReasonFraming},
	{"encoding in quotes", "POST /v1" + ok + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400, ReasonFraming},
	{"encoding with a parameter", "POST /v1" + ok + "Transfer-Encoding: chunked;x\r\n\r\n0\r\n\r\n", 400, ReasonFraming},
	{"encoding after a vertical tab", "POST /v1" + ok + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400, ReasonField},
	{"empty encoding", "POST /v1" + ok + "Transfer-Encoding:\r\n\r\n", 400, ReasonFraming},
	{"chunked in HTTP/1.0", "POST /v1 HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, ReasonFraming},
	{"length twice, same", "POST /v1" + ok + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400, ReasonFraming},
	{"length twice, different", "POST /v1" + ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400, ReasonFraming},
	{"length list", "POST /v1" + ok + "Content-Length: 5, 5\r\n\r\nhello", 400, ReasonFraming},
	{"length with a sign", "POST /v1" + ok + "Content-Length: +5\r\n\r\nhello", 400, ReasonFraming},
	{"negative length", "POST /v1" + ok + "Content-Length: -1\r\n\r\n", 400, ReasonFraming},
	{"hexadecimal length", "POST /v1" + ok + "Content-Length: 0x5\r\n\r\nhello", 400, ReasonFraming},
	{"two lengths in one", "POST /v1" + ok + "Content-Length: 5 5\r\n\r\nhello", 400, ReasonFraming},
	{"length with a point", "POST /v1" + ok + "Content-Length: 5.0\r\n\r\nhello", 400, ReasonFraming},
	{"empty length", "POST /v1" + ok + "Content-Length:\r\n\r\n", 400, ReasonFraming},
	{"length with zeros in front", "POST /v1" + ok + "Content-Length: 00005\r\n\r\nhello", 400, ReasonFraming},
	{"length 2^63", "POST /v1" + ok + "Content-Length: 9223372036854775808\r\n\r\n", 400, ReasonFraming},
	{"length 2^64+5", "POST /v1" + ok + "Content-Length: 18446744073709551621\r\n\r\n", 400, ReasonFraming},
	{"length of 40 digits", "POST /v1" + ok + "Content-Length: " + strings.Repeat("1", 40) + "\r\n\r\n", 400, ReasonFraming},

	{"chunk size 0x5", chunkedHead + "0x5\r\nhello\r\n0\r\n\r\n", 400, ReasonBody},
	{"chunk size with a sign", chunkedHead + "+5\r\nhello\r\n0\r\n\r\n", 400, ReasonBody},
	{"chunk size -1", chunkedHead + "-1\r\nhello\r\n0\r\n\r\n", 400, ReasonBody},
	{"chunk size and a blank", chunkedHead + "5 \r\nhello\r\n0\r\n\r\n", 400, ReasonBody},
	{"chunk extension", chunkedHead + "5;ext\r\nhello\r\n0\r\n\r\n", 400, ReasonBody},
	{"chunk extension with a line end", chunkedHead + "5;ext=\"\n\"\r\nhello\r\n0\r\n\r\n", 400, ReasonBody},
	{"chunk size of 17 digits", chunkedHead + "00000000000000005\r\nhello\r\n0\r\n\r\n", 400, ReasonBody},
	{"chunk size 2^64", chunkedHead + "10000000000000000\r\nhello\r\n0\r\n\r\n", 400, ReasonBody},
	{"chunk size 2^63", chunkedHead + "8000000000000000\r\nhello\r\n0\r\n\r\n", 400, ReasonBody},
	{"empty chunk size", chunkedHead + "\r\nhello\r\n0\r\n\r\n", 400, ReasonBody},
	{"chunk size with a bare LF", chunkedHead + "5\nhello\r\n0\r\n\r\n", 400, ReasonBody},
	{"chunk size with a bare CR", chunkedHead + "5\rhello\r\n0\r\n\r\n", 400, ReasonBody},
	{"chunk longer than its size", chunkedHead + "4\r\nhello\r\n0\r\n\r\n", 400, ReasonBody},
	{"chunk shorter than its size", chunkedHead + "6\r\nhello\r\n0\r\n\r\n", 400, ReasonBody},
	{"trailer with a bare LF", chunkedHead + "0\r\nA: b\n\r\n", 400, ReasonBody},
	{"folded trailer", chunkedHead + "0\r\nA: b\r\n c\r\n\r\n", 400, ReasonBody},
	{"trailer with a blank before the colon", chunkedHead + "0\r\nA : b\r\n\r\n", 400, ReasonBody},
	{"1,000 trailers", chunkedHead + "0\r\n" + strings.Repeat("A: b\r\n", 1000) + "\r\n", 400, ReasonBody},

	{"name with a blank", "GET /v1" + ok + "X Y: 1\r\n\r\n", 400, ReasonField},
	{"name with a tab", "GET /v1" + ok + "X\tY: 1\r\n\r\n", 400, ReasonField},
	{"name with NUL", "GET /v1" + ok + "X\x00: 1\r\n\r\n", 400, ReasonField},
	{"name with a parenthesis", "GET /v1" + ok + "X(: 1\r\n\r\n", 400, ReasonField},
	{"name with a quote", "GET /v1" + ok + "X\": 1\r\n\r\n", 400, ReasonField},
	{"name with @", "GET /v1" + ok + "X@: 1\r\n\r\n", 400, ReasonField},
	{"name with {", "GET /v1" + ok + "X{: 1\r\n\r\n", 400, ReasonField},
	{"name with an 8-bit byte", "GET /v1" + ok + "X\x80: 1\r\n\r\n", 400, ReasonField},
	{"name in UTF-8", "GET /v1" + ok + "é: 1\r\n\r\n", 400, ReasonField},
	{"empty name", "GET /v1" + ok + ": 1\r\n\r\n", 400, ReasonField},
	{"no colon", "GET /v1" + ok + "X\r\n\r\n", 400, ReasonField},
	{"only a colon", "GET /v1" + ok + ":\r\n\r\n", 400, ReasonField},
	{"blank before the colon", "GET /v1" + ok + "X : 1\r\n\r\n", 400, ReasonField},
	{"tab before the colon of the encoding", "GET /v1" + ok + "Transfer-Encoding\t: chunked\r\n\r\n", 400, ReasonField},
	{"value with a bare CR", "GET /v1" + ok + "X: a\rb\r\n\r\n", 400, ReasonField},
	{"value with a bare LF", "GET /v1" + ok + "X: a\nb: c\r\n\r\n", 400, ReasonField},
	{"value with NUL", "GET /v1" + ok + "X: a\x00\r\n\r\n", 400, ReasonField},
	{"value with DEL", "GET /v1" + ok + "X: a\x7f\r\n\r\n", 400, ReasonField},
	{"value with ESC", "GET /v1" + ok + "X: a\x1b[0m\r\n\r\n", 400, ReasonField},
	{"folded line", "GET /v1" + ok + "X: a\r\n b\r\n\r\n", 400, ReasonField},
	{"first field begins with a blank", "GET /v1 HTTP/1.1\r\n Host: localhost\r\n\r\n", 400, ReasonField},
	{"LF as line end", "GET /v1 HTTP/1.1\nHost: localhost\n\n", 400, ReasonRequestLine},
	{"LF CR as line end", "GET /v1 HTTP/1.1\n\rHost: localhost\n\r\n\r", 400, ReasonRequestLine},
	{"empty line in front", "\r\nGET /v1" + ok + "\r\n", 400, ReasonRequestLine},
	{"header block of 1 MiB", "GET /v1" + ok + strings.Repeat("X: "+strings.Repeat("y", 1020)+"\r\n", 1024) + "\r\n", 431, ReasonHeaderLarge},
	{"10,000 lines", "GET /v1" + ok + strings.Repeat("X: y\r\n", 10000) + "\r\n", 431, ReasonHeaderLarge},
	{"name of 64 KiB", "GET /v1" + ok + strings.Repeat("X", 64<<10) + ": y\r\n\r\n", 431, ReasonHeaderLarge},
	{"target of 64 KiB", "GET /" + strings.Repeat("x", 64<<10) + ok + "\r\n", 414, ReasonTargetLong},
	{"Connection that is no list of tokens", "GET /v1" + ok + "Connection: a@b\r\n\r\n", 400, ReasonField},
	{"unknown expectation", "POST /v1" + ok + "Expect: foo\r\nContent-Length: 5\r\n\r\nhello", 417, ReasonExpect},
}

const chunkedHead = "POST /v1 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"

func TestWhatIsAmbiguousIsRefused(t *testing.T) {
	t.Parallel()
	for _, o := range []rigOptions{{}, {unix: true}} {
		r := newRig(t, o, echo)
		for _, c := range refusals {
			t.Run(r.net+" "+c.name, func(t *testing.T) {
				conn := r.dial()
				conn.t = t
				conn.write(c.input + "GET /next" + ok + "\r\n")
				resp, body := conn.get("GET")
				assert.Equal(t, c.status, resp.StatusCode)
				assert.Equal(t, c.reason, body)
				assert.True(t, resp.Close)
				more, err := io.ReadAll(conn.br)
				assert.Empty(t, more)
				_ = err // a reset is as good an end
			})
		}
		assert.Empty(t, r.up.received())
		require.NoError(t, r.result())
		s := r.policy.summaries()
		assert.Len(t, s, len(refusals))
		for _, s := range s {
			assert.NotEmpty(t, s.Refused)
			assert.False(t, s.Upstream)
		}
	}
}

// write sends from a goroutine's point of view: the other side may close first.
func (c *client) write(s string) {
	_, _ = io.WriteString(c.Conn, s)
}

// A head that comes byte by byte is judged like one that comes whole.
func TestRefusalsDoNotDependOnPackets(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{}, echo)
	for _, c := range refusals {
		if len(c.input) > 300 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn := r.dial()
			conn.t = t
			_ = conn.Conn.(*net.TCPConn).SetNoDelay(true)
			for i := range len(c.input) {
				if _, err := conn.Write([]byte{c.input[i]}); err != nil {
					break
				}
			}
			resp, _ := conn.get("GET")
			assert.Equal(t, c.status, resp.StatusCode)
		})
	}
}

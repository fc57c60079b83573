package safehttp_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/safehttp"
)

func TestOneRequestOneConnection(t *testing.T) {
	t.Parallel()
	var got string
	s := serve(t, nil, func(c net.Conn) {
		buf := make([]byte, 4096)
		n, _ := c.Read(buf)
		for !strings.HasSuffix(string(buf[:n]), "secret=1") {
			m, err := c.Read(buf[n:])
			if err != nil {
				return
			}
			n += m
		}
		got = string(buf[:n])
		_, _ = io.WriteString(c, ok)
	})
	c := client(t, safehttp.Options{})
	for range 2 {
		res, body, err := post(t, c, "http://"+s.addr+"/v1/oauth/token?a=b")
		require.NoError(t, err)
		assert.Equal(t, 200, res.StatusCode)
		assert.Equal(t, "{}", body)
	}
	assert.EqualValues(t, 2, s.conns.Load(), "no connection is kept")
	assert.Equal(t, "POST /v1/oauth/token?a=b HTTP/1.1\r\nHost: "+s.addr+
		"\r\nUser-Agent: Go-http-client/1.1\r\nConnection: close\r\nContent-Length: 8\r\n\r\nsecret=1", got,
		"nothing is added, Accept-Encoding least of all")
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, raw string
		kind      safehttp.Kind
		retry     bool
	}{
		{"a length larger than the body is a truncation", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", safehttp.Truncated, true},
		{"a chunked body cut in the middle is a truncation", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", safehttp.Truncated, true},
		{"a chunked body without its end is a truncation", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", safehttp.Truncated, true},
		{"a broken chunk is a truncation", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n", safehttp.Truncated, true},
		{"closing without an answer is a reset", "", safehttp.Reset, true},
		{"closing within the head is a reset", "HTTP/1.1 200 OK\r\nA: b\r\n", safehttp.Reset, true},
		{"HTTP/2 frames are no answer", "\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\r\n\r\n", safehttp.Protocol, true},
		{"another protocol is no answer", "SSH-2.0-OpenSSH_9\r\n\r\n", safehttp.Protocol, true},
		{"HTTP/2 in a status line is no answer", "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", safehttp.Protocol, true},
		{"101 is no answer", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", safehttp.Protocol, true},
		{"status 999 is no answer", "HTTP/1.1 999 OK\r\nContent-Length: 2\r\n\r\n{}", safehttp.Protocol, true},
		{"1,000 interim answers are too many", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 1000) + ok, safehttp.HeaderSize, true},
		{"100 header lines of 8 KiB are too many", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("a", 8<<10)+"\r\n", 100) + "\r\n{}", safehttp.HeaderSize, true},
		{"an endless header line is too long", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 1<<20), safehttp.HeaderSize, true},
		{"1 MiB and a byte is too large", "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n" + strings.Repeat("a", 1<<20+1), safehttp.TooLarge, false},
		{"gzip was not asked for", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", safehttp.Encoding, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil, answer(c.raw))
			_, _, err := post(t, client(t, safehttp.Options{}), "http://"+s.addr+"/?secret=q")
			e := failure(t, err)
			assert.Equal(t, c.kind, e.Kind, e.Error())
			assert.Equal(t, c.retry, e.Retryable())
			assert.Equal(t, s.addr, e.Host)
			assert.False(t, e.Unsent)
			assert.NotContains(t, e.Error(), "secret")
			assert.EqualValues(t, 1, s.conns.Load(), "sent once")
		})
	}
	for _, c := range []struct{ name, raw, want string }{
		{"exactly 1 MiB is read", "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" + strings.Repeat("a", 1<<20), strings.Repeat("a", 1<<20)},
		{"interim answers are skipped", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok, "{}"},
		{"what follows the answer is not read", ok + ok + "garbage", "{}"},
		{"identity is no encoding", "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}", "{}"},
		{"HTTP/1.0 is understood", "HTTP/1.0 200 OK\r\n\r\n{}", "{}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil, answer(c.raw))
			_, body, err := post(t, client(t, safehttp.Options{}), "http://"+s.addr+"/")
			require.NoError(t, err)
			assert.Equal(t, c.want, body)
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	trap := serve(t, nil, answer(ok))
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := serve(t, nil, answer(fmt.Sprintf("HTTP/1.1 %d Moved\r\nLocation: http://%s/\r\nContent-Length: 0\r\n\r\n", status, trap.addr)))
		res, _, err := post(t, client(t, safehttp.Options{}), "http://"+s.addr+"/")
		require.NoError(t, err)
		assert.Equal(t, status, res.StatusCode)
	}
	assert.Zero(t, trap.conns.Load())
}

func TestNothingIsSent(t *testing.T) {
	t.Parallel()
	closed := serve(t, nil, func(net.Conn) {})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := l.Addr().String()
	require.NoError(t, l.Close())
	for _, c := range []struct {
		name, url string
		kind      safehttp.Kind
	}{
		{"to a port where nobody listens", "http://" + nobody + "/", safehttp.Dial},
		{"over plain http to another host", "http://192.0.2.1/", safehttp.Endpoint},
		{"with a user name in the URL", "https://user:hunter2@" + closed.addr + "/", safehttp.Endpoint},
		{"to a name that does not exist", "https://awf-cred.invalid/", safehttp.DNS},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := post(t, client(t, safehttp.Options{}), c.url)
			e := failure(t, err)
			assert.Equal(t, c.kind, e.Kind, e.Error())
			assert.True(t, e.Unsent)
			assert.NotContains(t, e.Error(), "hunter2")
			assert.Equal(t, c.kind != safehttp.Endpoint, strings.Contains(e.Hint, "HTTPS_PROXY"), e.Hint)
		})
	}
	assert.Zero(t, closed.conns.Load())
}

// F059: localhost is ::1 first on most machines; nobody listens there.
func TestAnAddressThatIsDeadIsNotTheEnd(t *testing.T) {
	t.Parallel()
	s := serve(t, nil, answer(ok))
	_, port, err := net.SplitHostPort(s.addr)
	require.NoError(t, err)
	_, body, err := post(t, client(t, safehttp.Options{}), "http://localhost:"+port+"/")
	require.NoError(t, err)
	assert.Equal(t, "{}", body)
}

func TestResetWhileReading(t *testing.T) {
	t.Parallel()
	s := serve(t, nil, func(c net.Conn) {
		buf := make([]byte, 1)
		_, _ = c.Read(buf) // leaving bytes unread makes the kernel send a reset
		_ = c.(*counted).Conn.(*net.TCPConn).SetLinger(0)
	})
	_, _, err := post(t, client(t, safehttp.Options{}), "http://"+s.addr+"/")
	e := failure(t, err)
	assert.Equal(t, safehttp.Reset, e.Kind)
	assert.False(t, e.Unsent)
}

func TestEarlyAnswerOfAServerThatStopsReading(t *testing.T) {
	t.Parallel()
	s := serve(t, nil, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
		_ = c.(*counted).Conn.(*net.TCPConn).CloseWrite()
		_, _ = io.CopyN(io.Discard, c, 1<<20)
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.addr+"/", strings.NewReader(strings.Repeat("a", 8<<20)))
	require.NoError(t, err)
	res, err := client(t, safehttp.Options{}).Do(req)
	if err != nil { // the reset may overtake the answer
		assert.Equal(t, safehttp.Reset, failure(t, err).Kind)
		return
	}
	assert.Equal(t, 413, res.StatusCode)
	require.NoError(t, res.Body.Close())
}

func TestTime(t *testing.T) {
	t.Parallel()
	hold := func(raw string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = io.WriteString(c, raw)
			_, _ = io.Copy(io.Discard, c) // until the client leaves
		}
	}
	for _, c := range []struct{ name, raw string }{
		{"a server that says nothing", ""},
		{"a head that does not end", "HTTP/1.1 200 OK\r\n"},
		{"a body that does not end", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"},
	} {
		t.Run(c.name+" meets the client's bound", func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil, hold(c.raw))
			_, _, err := post(t, client(t, safehttp.Options{Timeout: 50 * time.Millisecond}), "http://"+s.addr+"/")
			e := failure(t, err)
			assert.Equal(t, safehttp.Timeout, e.Kind)
			assert.True(t, e.Retryable())
			assert.False(t, e.Unsent)
		})
		t.Run(c.name+" ends with the caller", func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil, hold(c.raw))
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+"/", nil)
			require.NoError(t, err)
			res, err := client(t, safehttp.Options{}).Do(req)
			if err == nil {
				_, err = io.ReadAll(res.Body)
				_ = res.Body.Close()
			}
			e := failure(t, err)
			assert.Equal(t, safehttp.Canceled, e.Kind)
			assert.ErrorIs(t, err, context.Canceled)
		})
	}
}

func TestDrip(t *testing.T) {
	t.Parallel()
	s := serve(t, nil, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := c.Write([]byte("a")); err != nil {
				return
			}
		}
	})
	_, body, err := post(t, client(t, safehttp.Options{Timeout: 100 * time.Millisecond}), "http://"+s.addr+"/")
	assert.Equal(t, safehttp.Timeout, failure(t, err).Kind, "the bound is for the whole, not for idleness")
	assert.Less(t, len(body), 1000)
}

func TestCAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		p := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(p, []byte(content), 0o600))
		return p
	}
	for _, c := range []struct{ name, path, want string }{
		{"missing", filepath.Join(dir, "none.pem"), "cannot be read: no such file"},
		{"a directory", dir, "is not a regular file"},
		{"empty", file("empty", ""), "has no certificate in PEM form"},
		{"a key only", file("key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "has no certificate in PEM form"},
		{"not a certificate", file("bad", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "has a certificate (number 1) that cannot be read"},
		{"too large", file("big", strings.Repeat("#", 1<<20+1)), "has 1048577 bytes, more than 1048576"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := safehttp.New(safehttp.Options{CAFile: c.path})
			require.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, "the CA file "+c.path)
		})
	}
}

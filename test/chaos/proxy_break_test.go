//go:build linux

package chaos

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// leavers tries again and again how soon the upstream learns that a client left,
// and returns the times, shortest first.
func leavers(s *server, tries int, request string, half bool, arrived <-chan *upConn) (times []time.Duration, err error) {
	for range tries {
		c, err := net.DialTimeout("tcp", s.address, 10*time.Second)
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(c, request); err != nil {
			return nil, err
		}
		var up *upConn
		select {
		case up = <-arrived:
		case <-time.After(20 * time.Second):
			return nil, errors.New("the request does not come to the upstream")
		}
		left := time.Now()
		if half {
			_ = c.(*net.TCPConn).CloseWrite()
		} else {
			_ = c.Close()
		}
		if !up.gone(10 * time.Second) {
			return nil, errors.New("the upstream is not told")
		}
		times = append(times, time.Since(left))
		_ = up.Close()
		_ = c.Close()
	}
	slices.Sort(times)
	return times, nil
}

func TestF131AnUpstreamThatNeverAnswers(t *testing.T) {
	t.Parallel()
	c := row(t, "F131, F134", "no answer, a stream, an upload: a client that leaves cancels within 100 ms, nothing is left")
	w := newWorld(t)
	arrived := make(chan *upConn)
	hold := make(chan struct{})
	u := newUpstream(t, func(up *upConn) {
		head, err := up.br.ReadString('\n')
		if err != nil {
			return
		}
		for line := ""; line != "\r\n" && err == nil; line, err = up.br.ReadString('\n') {
		}
		if strings.Contains(head, "/stream") {
			up.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevent\r\n")
		}
		arrived <- up
		<-hold
	})
	t.Cleanup(func() { close(hold) }) // before the upstream waits for its handlers
	s := w.serving(u.url()).live()
	s.alive()
	goroutines, fds := s.metric("go_goroutines"), s.metric("process_open_fds")
	for name, request := range map[string]string{
		"silent":    "GET /silent HTTP/1.1\r\nHost: " + s.address + "\r\n\r\n",
		"stream":    "GET /stream HTTP/1.1\r\nHost: " + s.address + "\r\n\r\n",
		"upload":    "POST /upload HTTP/1.1\r\nHost: " + s.address + "\r\nContent-Length: 100000\r\n\r\npart",
		"chunked":   "POST /upload HTTP/1.1\r\nHost: " + s.address + "\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
		"with body": s.request("POST", "/silent", askBody),
	} {
		for _, half := range []bool{false, true} {
			times, err := leavers(s, much(30, 5), request, half, arrived)
			if !c.that(err == nil, "%s, half closed %v: %v", name, half, err) {
				continue
			}
			c.that(times[len(times)/2] < 100*time.Millisecond, "%s, half closed %v: the upstream learns after %v", name, half, times)
			c.note("%s, half closed %v: median %v, longest %v", name, half, times[len(times)/2].Round(time.Microsecond), times[len(times)-1].Round(time.Microsecond))
		}
	}
	s.await("back", func() bool { return s.metric("go_goroutines") <= goroutines+1 && s.metric("process_open_fds") <= fds+1 })
	c.that(s.metric("go_goroutines") <= goroutines+1, "goroutines: %v before, %v now", goroutines, s.metric("go_goroutines"))

	limited := w.serving(u.url(), "--response-header-timeout", "500ms").live()
	go func() { up := <-arrived; up.gone(10 * time.Second) }()
	status, body := limited.ask()
	_, shape := ours(body)
	c.that(status == 504 && shape, "with --response-header-timeout: %d %s", status, body)
	go func() { up := <-arrived; up.gone(10 * time.Second) }()
	begun := time.Now()
	reply, err := s.raw("GET /silent HTTP/1.1\r\nHost: "+s.address+"\r\n\r\n", time.Duration(much(35, 2))*time.Second)
	c.that(errors.Is(err, os.ErrDeadlineExceeded) && reply == "", "without it there is no limit: %q %v after %v", reply, err, time.Since(begun))
}

func TestF132AResetBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	c := row(t, "F132", "reset before the answer: once more on a reused connection without a byte of an answer, and only there")
	w := newWorld(t)
	for _, one := range []struct {
		name, method string
		reused       bool
		first        string // of the answer, before the reset
		close        bool   // FIN instead of RST
		twice        bool   // the second try is reset too
		want, asked  int
	}{
		{"new, POST", "POST", false, "", false, false, 502, 1},
		{"new, GET", "GET", false, "", false, false, 502, 1},
		{"new, closed", "POST", false, "", true, false, 502, 1},
		{"reused, POST", "POST", true, "", false, false, 200, 2},
		{"reused, GET", "GET", true, "", false, false, 200, 2},
		{"reused, closed", "POST", true, "", true, false, 200, 2},
		{"reused, in the status line", "POST", true, "HTTP/1.1 2", false, false, 502, 1},
		{"reused, in the head", "GET", true, "HTTP/1.1 200 OK\r\nContent-Le", false, false, 502, 1},
		{"reused, then again", "POST", true, "", false, true, 502, 2},
	} {
		var mu sync.Mutex
		asked := 0
		u := newUpstream(t, func(up *upConn) {
			for n := 0; ; n++ {
				r, body, err := up.next()
				if err != nil {
					return
				}
				if r.URL.Path == "/warm" {
					up.say(okReply)
					continue
				}
				mu.Lock()
				asked++
				again := asked > 1
				mu.Unlock()
				if again && !one.twice {
					up.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
					continue
				}
				up.say(one.first)
				if one.close {
					return
				}
				up.reset()
				return
			}
		})
		s := w.serving(u.url()).live()
		if one.reused {
			reply, err := s.raw("GET /warm HTTP/1.1\r\nHost: "+s.address+"\r\nConnection: close\r\n\r\n", 20*time.Second)
			c.that(err == nil && strings.HasSuffix(reply, "ok"), "%s: %q %v", one.name, reply, err)
		}
		body := ""
		if one.method == "POST" {
			body = askBody
		}
		reply, _ := s.raw(s.request(one.method, "/v1/x", body), 20*time.Second)
		mu.Lock()
		got := asked
		mu.Unlock()
		c.that(strings.HasPrefix(reply, fmt.Sprintf("HTTP/1.1 %d ", one.want)) && got == one.asked,
			"%s: want %d after %d requests, got %d: %q", one.name, one.want, one.asked, got, reply)
		c.that(one.want != 200 || strings.HasSuffix(reply, "\r\n\r\n"+body), "%s: the body is whole the second time: %q", one.name, reply)
	}
}

func TestF133AStreamThatIsCut(t *testing.T) {
	t.Parallel()
	c := row(t, "F133, U28", "reset or end in the middle of an answer: a visible break, never a complete-looking one")
	w := newWorld(t)
	certificate, err := w.sb.IssueCertificate(sandbox.Certificate{})
	require.NoError(t, err)
	part := strings.Repeat("x", 5000)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(part), part)
	heads := map[string]string{
		"chunked":              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk,
		"in a chunk":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + "ffff\r\nabc",
		"in the last chunk":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + "0\r\n",
		"in a trailer":         "HTTP/1.1 200 OK\r\nTrailer: X-A\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + "0\r\nX-A: 1\r\n",
		"length":               "HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n" + part,
		"till the end of TCP":  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + part,
		"HTTP/1.0 till end":    "HTTP/1.0 200 OK\r\n\r\n" + part,
		"before the first one": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	}
	for _, secure := range []bool{false, true} {
		for _, reset := range []bool{false, true} {
			var ln net.Listener
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			base := "http://" + ln.Addr().String()
			if secure {
				ln, base = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}}), "https://"+ln.Addr().String()
			}
			u := upstreamOn(t, ln, func(up *upConn) {
				r, _, err := up.next()
				if err != nil {
					return
				}
				up.say(heads[strings.ReplaceAll(strings.TrimPrefix(r.URL.Path, "/"), "_", " ")])
				raw := up.Conn
				if t, ok := raw.(*tls.Conn); ok {
					raw = t.NetConn() // no close alert
				}
				if reset {
					// What was said must arrive before the reset overtakes it.
					sleep(200 * time.Millisecond)
					_ = raw.(*net.TCPConn).SetLinger(0)
				}
				_ = raw.Close()
			})
			_ = u
			s := w.fresh().serving(base, "--ca-file", w.sb.CAFile()).live()
			for name := range heads {
				// FIN is the end of a body without framing over plain http.
				ends := !secure && !reset && (name == "till the end of TCP" || name == "HTTP/1.0 till end")
				for _, version := range []string{"1.1", "1.0"} {
					reply, err := s.raw(fmt.Sprintf("GET /%s HTTP/%s\r\nHost: %s\r\nConnection: close\r\n\r\n", strings.ReplaceAll(name, " ", "_"), version, s.address), 20*time.Second)
					whole := complete(reply, err)
					c.that(whole == ends, "%s to HTTP/%s, TLS %v, reset %v: looks complete: %v; %d bytes, %v, end %q",
						name, version, secure, reset, whole, len(reply), err, reply[max(0, len(reply)-40):])
				}
			}
		}
	}
}

// complete reports whether a client would take an answer for a whole one.
func complete(reply string, err error) bool {
	head, body, ok := strings.Cut(reply, "\r\n\r\n")
	if !ok || err != nil || !strings.Contains(head, " 200 ") {
		return false
	}
	switch lower := strings.ToLower(head); {
	case strings.Contains(lower, "transfer-encoding: chunked"):
		return strings.HasSuffix(body, "0\r\n\r\n")
	case strings.Contains(lower, "content-length: 6000"):
		return len(body) == 6000
	}
	return true // till the end of the connection, and that was orderly
}

func TestF143AnIdleConnectionThatEnds(t *testing.T) {
	t.Parallel()
	c := row(t, "F143", "the upstream closes idle connections at the moment of use: no error for requests that can be repeated")
	w := newWorld(t)
	certificate, err := w.sb.IssueCertificate(sandbox.Certificate{})
	require.NoError(t, err)
	for _, secure := range []bool{false, true} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		base := "http://" + ln.Addr().String()
		if secure {
			ln, base = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}}), "https://"+ln.Addr().String()
		}
		u := upstreamOn(t, ln, func(up *upConn) {
			for n := range 2 {
				_, body, err := up.next()
				if err != nil {
					return
				}
				up.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
				// Without a word, at any moment in which the next request may be on its way.
				if n == 1 || up.n%2 == 0 {
					sleep(time.Duration(up.n%40) * 10 * time.Microsecond)
					return
				}
			}
		})
		s := w.fresh().serving(base, "--ca-file", w.sb.CAFile()).live()
		var all sync.WaitGroup
		var mu sync.Mutex
		bad := map[string]int{}
		const clients = 8
		tries := much(5_000, 200) / clients
		for range clients {
			all.Go(func() {
				for range tries {
					status, body := s.post(askBody)
					if status != 200 || body != askBody {
						mu.Lock()
						bad[fmt.Sprint(status, " ", body[:min(len(body), 200)])]++
						mu.Unlock()
					}
				}
			})
		}
		all.Wait()
		c.that(len(bad) == 0, "TLS %v: errors: %v", secure, bad)
		c.note("TLS %v: %d requests over %d upstream connections", secure, tries*clients, u.connections())
	}
}

func TestF134AnAnswerThatIsReadLater(t *testing.T) {
	t.Parallel()
	c := row(t, "F134, U32", "an answer before the upload has ended is delivered, and the upload stops")
	w := newWorld(t)
	u := newUpstream(t, func(up *upConn) {
		if _, err := up.br.ReadString('\n'); err != nil {
			return
		}
		for line, err := "", error(nil); line != "\r\n" && err == nil; line, err = up.br.ReadString('\n') {
		}
		up.say("HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge")
		up.gone(20 * time.Second)
	})
	s := w.serving(u.url()).live()
	for n := range much(20, 3) {
		conn := s.dial()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(conn, "POST /v1/files HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", s.address, 1<<30)
		stopped := make(chan error, 1)
		go func() {
			block := bytes.Repeat([]byte("x"), 64<<10)
			for range 1 << 14 {
				if _, err := conn.Write(block); err != nil {
					stopped <- err
					return
				}
			}
			stopped <- nil
		}()
		reply := make([]byte, 4096)
		got := ""
		for !strings.HasSuffix(got, "large") {
			k, err := conn.Read(reply)
			got += string(reply[:k])
			if err != nil {
				break
			}
		}
		c.that(strings.HasPrefix(got, "HTTP/1.1 413 ") && strings.HasSuffix(got, "large"), "try %d: %q", n, got)
		c.that(<-stopped != nil, "try %d: the whole GiB was taken", n)
		_ = conn.Close()
	}
	before := u.connections()
	_, _ = s.ask()
	c.that(u.connections() == before+1, "a connection with half an upload is not used again")
}

//go:build linux

package chaos

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// scripted answers each path with its bytes, and keeps the connection unless they
// are marked by a final "close" in the path.
type scripted struct {
	*upstream
	mu      sync.Mutex
	answers map[string]string
}

func newScripted(t *testing.T) *scripted {
	s := &scripted{answers: map[string]string{}}
	s.upstream = newUpstream(t, func(c *upConn) {
		for {
			r, _, err := c.next()
			if err != nil {
				return
			}
			s.mu.Lock()
			text, ok := s.answers[r.URL.Path]
			s.mu.Unlock()
			if !ok {
				text = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(r.URL.Path), r.URL.Path)
			}
			c.say(text)
			if strings.HasSuffix(r.URL.Path, "/close") {
				return
			}
		}
	})
	return s
}

// answer makes an answer and returns its path.
func (s *scripted) answer(text string, closes bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := fmt.Sprintf("/case/%d", len(s.answers))
	if closes {
		path += "/close"
	}
	s.answers[path] = text
	return path
}

// fetch asks for a path on a connection of its own.
func (s *server) fetch(method, path string) (head, body string, err error) {
	reply, err := s.raw(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", method, path, s.address), 30*time.Second)
	head, body, _ = strings.Cut(reply, "\r\n\r\n")
	return head, body, err
}

// unmixed reports whether the next client gets its own answer.
func (c *check) unmixed(s *server, what string) {
	c.t.Helper()
	for _, path := range []string{"/mine/a", "/mine/bb"} {
		head, body, err := s.fetch("GET", path)
		c.that(err == nil && strings.HasPrefix(head, "HTTP/1.1 200 ") && body == path, "%s: the next client got %q %q %v", what, head, body, err)
	}
}

func TestU20U21AnswersPass(t *testing.T) {
	t.Parallel()
	c := row(t, "U20, U21, U34", "redirects and errors of every kind pass with header and body byte for byte, and are not followed")
	w := newWorld(t)
	trap := newUpstream(t, func(*upConn) {})
	up := newScripted(t)
	s := w.serving(up.url()).live()
	wrongCRC := "\x00\x00\x00\x20\x00\x00\x00\x10\xde\xad\xbe\xef\x0b:event-type\x07\x00\x00\x01\x02\xff\xff\xff\xff"
	var cases []string
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{trap.url() + "/stolen", "https://" + trap.ln.Addr().String(), "http://" + s.address + "/v1/messages", "//" + trap.ln.Addr().String()} {
			cases = append(cases, fmt.Sprintf("HTTP/1.1 %d Moved\r\nLocation: %s\r\nX-Odd:   spaces  \r\nx-lower: 1\r\nContent-Length: 5\r\n\r\nmoved", status, to))
		}
	}
	for _, status := range []int{400, 402, 403, 404, 408, 413, 429, 500, 503, 504, 529} {
		cases = append(cases, fmt.Sprintf("HTTP/1.1 %d Odd Reason\r\nRetry-After: 7\r\nX-Should-Retry: true\r\nRequest-Id: req_1\r\nanthropic-ratelimit-requests-remaining: 0\r\nWWW-Authenticate: Bearer realm=\"up\"\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"error\":{}}", status))
	}
	cases = append(cases,
		fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\nContent-Length: %d\r\n\r\n%s", len(wrongCRC), wrongCRC),
		"HTTP/1.1 200 OK\r\nX-Long: "+strings.Repeat("v", 8000)+"\r\nX-Bytes: caf\xe9\r\nDate: then\r\nServer: s/1\r\nVia: 1.1 x\r\nContent-Length: 0\r\n\r\n")
	for _, text := range cases {
		head, body, err := s.fetch("GET", up.answer(text, false))
		wantHead, wantBody, _ := strings.Cut(text, "\r\n\r\n")
		rest := head + "\r\n"
		for line := range strings.SplitSeq(wantHead, "\r\n") {
			line = trimmed(line)
			_, after, found := strings.Cut(rest, line+"\r\n")
			c.that(found, "%.20s: the line %.100q is missing or out of order in %.500q", wantHead, line, head)
			if found {
				rest = after
			}
		}
		c.that(err == nil && body == wantBody, "%.20s: body %q, %v", wantHead, body, err)
	}
	c.that(trap.connections() == 0, "a redirect was followed")
}

// trimmed is a header line with blanks around its value reduced, which RFC 9112
// section 5.1 allows.
func trimmed(line string) string {
	name, value, ok := strings.Cut(line, ":")
	if !ok || strings.HasPrefix(line, "HTTP/") {
		return line
	}
	return name + ": " + strings.TrimSpace(value)
}

func TestU22U26AnswersThatAreNotHTTP(t *testing.T) {
	t.Parallel()
	c := row(t, "U22, U26", "ambiguous, malformed and endless heads: 502 or normalised, never two answers to one client")
	w := newWorld(t)
	up := newScripted(t)
	s := w.serving(up.url()).live()
	second := "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"
	cases := map[string]string{
		"length and chunked":       "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + second,
		"two lengths":              "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd" + second,
		"a list of lengths":        "HTTP/1.1 200 OK\r\nContent-Length: 4, 5\r\n\r\nabcd" + second,
		"a negative length":        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabcd" + second,
		"a huge length":            "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551617\r\n\r\na" + second,
		"bad chunk size":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n" + second,
		"chunk size too long":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\nabc\r\n0\r\n\r\n" + second,
		"chunk without its end":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n" + second,
		"another coding":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc" + second,
		"bare LF":                  "HTTP/1.1 200 OK\nContent-Length: 4\n\nabcd" + second,
		"a bare LF in a value":     "HTTP/1.1 200 OK\r\nX-A: 1\nX-B: 2\r\nContent-Length: 4\r\n\r\nabcd" + second,
		"NUL in a value":           "HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 4\r\n\r\nabcd" + second,
		"a folded line":            "HTTP/1.1 200 OK\r\nX-A: 1\r\n folded\r\nContent-Length: 4\r\n\r\nabcd" + second,
		"a blank before the colon": "HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 4\r\n\r\nabcd" + second,
		"no colon":                 "HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 4\r\n\r\nabcd" + second,
		"no reason":                "HTTP/1.1 200\r\nContent-Length: 4\r\n\r\nabcd",
		"status 999":               "HTTP/1.1 999 Odd\r\nContent-Length: 4\r\n\r\nabcd",
		"status 20":                "HTTP/1.1 20 Odd\r\nContent-Length: 4\r\n\r\nabcd",
		"ICY":                      "ICY 200 OK\r\nContent-Length: 4\r\n\r\nabcd",
		"HTTP/2.0":                 "HTTP/2.0 200 OK\r\nContent-Length: 4\r\n\r\nabcd",
		"garbage":                  "\x16\x03\x01\x00\x05hello",
		"a head of 1 MiB":          "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", 1<<20) + "\r\nContent-Length: 4\r\n\r\nabcd",
		"10,000 lines":             "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: 1\r\n", 10_000) + "Content-Length: 4\r\n\r\nabcd",
		"a line without end":       "HTTP/1.1 200 " + strings.Repeat("O", 200_000),
	}
	must := map[string]bool{"two lengths": true, "a list of lengths": true, "a head of 1 MiB": true, "10,000 lines": true, "garbage": true, "ICY": true}
	before := s.metric("process_open_fds")
	for name, text := range cases {
		head, body, err := s.fetch("GET", up.answer(text, true))
		r, shape := ours(body)
		refused := strings.HasPrefix(head, "HTTP/1.1 502 ") && shape && r.Error.Type == "upstream_error"
		normalised := !must[name] && strings.HasPrefix(head, "HTTP/1.1 ") && !strings.Contains(head, "\x00") && !strings.Contains(strings.ReplaceAll(head, "\r\n", ""), "\n") &&
			strings.Count(strings.ToLower(head), "content-length:")+strings.Count(strings.ToLower(head), "transfer-encoding:") <= 1
		c.that(refused || normalised, "%s: %.300q %.100q %v", name, head, body, err)
		c.that(!strings.Contains(body, "second") || strings.Contains(head, "hunked") && !strings.HasSuffix(body, "0\r\n\r\n"), "%s: two answers: %.300q %.200q", name, head, body)
		c.unmixed(s, name)
	}
	s.await("back", func() bool { return s.metric("process_open_fds") <= before+2 })
	c.that(s.metric("process_open_fds") <= before+2, "descriptors: %v, then %v", before, s.metric("process_open_fds"))
}

func TestU23BytesBehindAnAnswer(t *testing.T) {
	t.Parallel()
	c := row(t, "U23, T08", "bytes behind the answer on a kept connection: never the next client's answer")
	w := newWorld(t)
	poison := "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
	for name, delay := range map[string]time.Duration{"at once": 0, "a moment later": 30 * time.Millisecond} {
		said := make(chan struct{}, 1)
		u := newUpstream(t, func(up *upConn) {
			for {
				r, _, err := up.next()
				if err != nil {
					return
				}
				reply := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(r.URL.Path), r.URL.Path)
				if r.URL.Path != "/first" {
					up.say(reply)
					continue
				}
				if delay == 0 {
					up.say(reply + poison)
				} else {
					up.say(reply)
					sleep(delay)
					up.say(poison)
				}
				said <- struct{}{}
			}
		})
		s := w.serving(u.url()).live()
		for range much(50, 5) {
			head, body, err := s.fetch("GET", "/first")
			c.that(err == nil && body == "/first", "%s: %q %q %v", name, head, body, err)
			<-said // what comes after the next request was sent could be its answer
			c.unmixed(s, name)
		}
	}
}

func TestU24BodiesWhereNoneBelongs(t *testing.T) {
	t.Parallel()
	c := row(t, "U24", "204, 304 and HEAD with a body: dropped; many 1xx: bounded; 101 unasked: 502; 103 passes")
	w := newWorld(t)
	up := newScripted(t)
	s := w.serving(up.url()).live()
	for name, one := range map[string]struct{ method, text string }{
		"204":             {"GET", "HTTP/1.1 204 No Content\r\n\r\nstray"},
		"204 with length": {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nstray"},
		"304":             {"GET", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\nstray"},
		"HEAD":            {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"},
		"HEAD chunked":    {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nstray\r\n0\r\n\r\n"},
	} {
		head, body, err := s.fetch(one.method, up.answer(one.text, false))
		c.that((strings.HasPrefix(head, one.text[:12]) || strings.HasPrefix(head, "HTTP/1.1 502 ")) && !contains(body, "stray"), "%s: %q %q %v", name, head, body, err)
		c.unmixed(s, name)
	}
	head, body, err := s.fetch("GET", up.answer("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"+okReply, false))
	c.that(err == nil && strings.HasPrefix(head, "HTTP/1.1 103 ") && strings.HasSuffix(body, "\r\n\r\nok"), "103: %q %q %v", head, body, err)
	head, body, err = s.fetch("GET", up.answer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\ntunnel", true))
	c.that(strings.HasPrefix(head, "HTTP/1.1 502 ") && !contains(body, "tunnel"), "101: %q %q %v", head, body, err)
	c.unmixed(s, "101")
	before := s.proc("VmRSS")
	head, _, err = s.fetch("GET", up.answer(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 1000)+okReply, true))
	c.that(strings.HasPrefix(head, "HTTP/1.1 "), "1,000 1xx: %q %v", head, err)
	c.that(s.grown(before) < 16<<10, "%d KiB more", s.grown(before))
	c.unmixed(s, "1xx")
}

func TestU25HopByHopAndTrailers(t *testing.T) {
	t.Parallel()
	c := row(t, "U25, U31", "hop-by-hop headers, cookies and headers about our origin end here; trailers pass within bounds")
	w := newWorld(t)
	up := newScripted(t)
	s := w.serving(up.url()).live()
	head, body, err := s.fetch("GET", up.answer("HTTP/1.1 200 OK\r\nConnection: Authorization, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nX-Stays: 1\r\n"+
		"Set-Cookie: a=b\r\nset-cookie: c=d\r\nAlt-Svc: h3=\":443\"\r\nStrict-Transport-Security: max-age=1\r\nClear-Site-Data: \"*\"\r\nAccess-Control-Allow-Origin: *\r\naccess-control-allow-headers: *\r\nContent-Length: 2\r\n\r\nok", false))
	lower := strings.ToLower(head)
	for _, gone := range []string{"x-hop", "keep-alive", "proxy-authenticate", "\nupgrade", "set-cookie", "alt-svc", "strict-transport", "clear-site", "access-control", "authorization"} {
		c.that(!contains(lower, gone), "%s is passed on: %q", gone, head)
	}
	c.that(err == nil && body == "ok" && contains(lower, "x-stays: 1"), "the rest passes: %q %q %v", head, body, err)
	head, body, err = s.fetch("GET", up.answer("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a=b\r\nContent-Length: 7\r\n\r\n", false))
	c.that(err == nil && strings.HasPrefix(body, "2\r\nok\r\n0\r\n") && contains(body, "X-Sum: 1\r\n") && !contains(body, "Set-Cookie") && !contains(body, "Content-Length"), "trailers: %q %q %v", head, body, err)
	head, body, err = s.fetch("GET", up.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"+strings.Repeat("X-T: "+strings.Repeat("t", 100)+"\r\n", 20_000)+"\r\n", true))
	c.that(!complete(head+"\r\n\r\n"+body, err) || len(body) < 1<<20, "20,000 trailers: %.100q, %d bytes, %v", head, len(body), err)
	c.unmixed(s, "trailers")
}

func TestU27LongStreams(t *testing.T) {
	t.Parallel()
	c := row(t, "U27", "an event of 32 MiB, very many events, no line end for ever: passed on, bounded memory (an event a minute: in virtual time)")
	w := newWorld(t)
	events := much(1_000_000, 50_000)
	size := much(32<<20, 8<<20)
	u := newUpstream(t, func(up *upConn) {
		r, _, err := up.next()
		if err != nil {
			return
		}
		up.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
		block := strings.Repeat("x", 16<<10)
		switch r.URL.Path {
		case "/large":
			for range size / len(block) {
				up.say(fmt.Sprintf("%x\r\n%s\r\n", len(block), block))
			}
		case "/many":
			var b bytes.Buffer
			for n := range events {
				event := fmt.Sprintf("data: %d\n\n", n)
				fmt.Fprintf(&b, "%x\r\n%s\r\n", len(event), event)
				if b.Len() > 32<<10 {
					up.say(b.String())
					b.Reset()
				}
			}
			up.say(b.String())
		}
		up.say("0\r\n\r\n")
	})
	s := w.serving(u.url()).live()
	before := s.proc("VmRSS")
	for path, want := range map[string]int{"/large": size, "/many": manyBytes(events)} {
		res, err := s.client.Get("http://" + s.address + path)
		if !c.that(err == nil, "%s: %v", path, err) {
			continue
		}
		n, err := io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		c.that(err == nil && n == int64(want), "%s: %d of %d bytes, %v", path, n, want, err)
	}
	c.that(s.grown(before) < 16<<10, "%d KiB more", s.grown(before))
	c.note("%d KiB more", s.grown(before))
}

func manyBytes(events int) (n int) {
	for i := range events {
		n += len(itoa(i)) + len("data: \n\n")
	}
	return n
}

func TestU29CompressedAnswers(t *testing.T) {
	t.Parallel()
	c := row(t, "U29, T29", "compressed answers, a bomb among them, pass untouched")
	w := newWorld(t)
	up := newScripted(t)
	s := w.serving(up.url()).live()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := io.Copy(z, io.LimitReader(zeros{}, int64(much(1<<30, 64<<20))))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	noise := make([]byte, 100_000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	before := s.proc("VmRSS")
	for coding, data := range map[string][]byte{"gzip": bomb.Bytes(), "br": noise, "zstd": noise[:5000], "identity, gzip": noise[:1]} {
		head, body, err := s.fetch("GET", up.answer(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nVary: Accept-Encoding\r\nContent-Length: %d\r\n\r\n%s", coding, len(data), data), false))
		c.that(err == nil && body == string(data) && contains(head, "Content-Encoding: "+coding+"\r\n"), "%s: %q, %d of %d bytes, %v", coding, head, len(body), len(data), err)
	}
	c.that(s.grown(before) < 16<<10, "%d KiB more", s.grown(before))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestU30AnEchoOfTheCredential(t *testing.T) {
	t.Parallel()
	c := row(t, "U30, T03", "an upstream that echoes all headers: our credential is replaced in headers and stays in the body")
	w := newWorld(t)
	s := w.serving(w.sb.PlainURL(sandbox.HostAnthropic)).live()
	head, body, err := s.fetch("GET", "/echo")
	c.that(err == nil && strings.HasPrefix(head, "HTTP/1.1 200 "), "%q %v", head, err)
	c.that(!contains(head, "sk-ant-oat01-") && contains(head, "(redacted)"), "the header shows it: %q", head)
	c.that(contains(body, "sk-ant-oat01-"), "the body is the upstream's: %q", body)
	c.that(!contains(s.said.String(), "sk-ant-oat01-"), "it is in the log")
}

func TestU33AnUpstreamOfHTTP2Alone(t *testing.T) {
	t.Parallel()
	c := row(t, "U33", "an upstream that speaks HTTP/2 alone: 502 that says so, nothing sent but the handshake")
	w := newWorld(t)
	certificate, err := w.sb.IssueCertificate(sandbox.Certificate{})
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	heard := make(chan string, 16)
	// crypto/tls lets a client of http/1.1 into a server of "h2" without any protocol;
	// other servers end the handshake, as this one does for another name.
	u := upstreamOn(t, tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2-alone"}}), func(up *upConn) {
		_ = up.SetReadDeadline(time.Now().Add(10 * time.Second))
		data, _ := io.ReadAll(up.br)
		heard <- string(data)
	})
	s := w.serving("https://"+u.ln.Addr().String(), "--ca-file", w.sb.CAFile()).live()
	status, body := s.ask()
	r, shape := ours(body)
	c.that(status == 502 && shape && contains(r.Error.Message, "HTTP/1.1") && !*r.Error.Retryable, "%d %s", status, body)
	select {
	case data := <-heard:
		c.that(data == "", "it was sent %q", data)
	case <-time.After(20 * time.Second):
		c.that(false, "the connection stays open")
	}
}

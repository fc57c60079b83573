package relay

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// moody is an upstream that answers in every way there is, by the request's path.
func moody(c *upstreamConn) {
	for {
		req, err := http.ReadRequest(c.br)
		if err != nil {
			return
		}
		id := req.Header.Get("X-Id")
		switch mood, _, _ := strings.Cut(req.URL.Path[1:], "/"); mood {
		case "early":
			c.send("HTTP/1.1 413 Too Large\r\nX-Id: " + id + "\r\nContent-Length: 0\r\n\r\n")
			return
		case "cut":
			c.send("HTTP/1.1 200 OK\r\nX-Id: " + id + "\r\nContent-Length: 100000\r\n\r\nonly this")
			return
		case "reset":
			_ = c.raw.(*net.TCPConn).SetLinger(0)
			return
		case "poison":
			_, _ = io.Copy(io.Discard, req.Body)
			c.send("HTTP/1.1 200 OK\r\nX-Id: " + id + "\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nX-Id: poison\r\nContent-Length: 0\r\n\r\n")
		case "stream":
			_, _ = io.Copy(io.Discard, req.Body)
			c.send("HTTP/1.1 200 OK\r\nX-Id: " + id + "\r\nTransfer-Encoding: chunked\r\n\r\n")
			for range 20 {
				c.send(fmt.Sprintf("%x\r\n%s\r\n", 20000, strings.Repeat("s", 20000)))
			}
			c.send("0\r\n\r\n")
		default:
			b, err := io.ReadAll(req.Body)
			if err != nil {
				return
			}
			c.send(fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Id: %s\r\nContent-Length: %d\r\n\r\n%s", id, len(b), b))
			if mood == "bye" {
				return
			}
		}
	}
}

// Clients of all tempers meet a moody upstream. Nobody gets another's answer, and
// nothing is left behind.
func TestNothingIsLeftBehind(t *testing.T) {
	eachShapeInTurn(t, func(t *testing.T, o rigOptions) {
		o.Budget, o.Gate = NewBudget(16<<20), NewGate(1000)
		o.DrainTimeout = wait
		usePoller(t)
		before := descriptors()
		others := goleak.IgnoreCurrent()
		t.Run("storm", func(t *testing.T) {
			r := newRig(t, o, moody)
			r.policy.replay401()
			var wg sync.WaitGroup
			for i := range 24 {
				wg.Go(func() {
					rnd := rand.New(rand.NewPCG(1, uint64(i)))
					for k := range 12 {
						storm(t, r, rnd, fmt.Sprintf("%d-%d", i, k))
					}
				})
			}
			wg.Wait()
			require.NoError(t, r.result())
			assert.Zero(t, o.Budget.Used())
			assert.Zero(t, o.Gate.Open())
			r.policy.up.Close()
			assert.Zero(t, r.policy.up.Stats().Open)
			s := r.server.Stats()
			assert.Equal(t, int64(0), s.Connections)
			assert.LessOrEqual(t, s.Finished, uint64(len(r.policy.summaries())), "refused heads come on top")
		})
		eventually(t, func() bool { return descriptors() <= before }, "descriptors return")
		goleak.VerifyNone(t, others)
	})
}

// storm is one client: a few requests, and an end of some kind.
func storm(t *testing.T, r *rig, rnd *rand.Rand, id string) {
	conn, err := net.Dial(r.net, r.addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(wait))
	br := bufio.NewReader(conn)
	moods := []string{"echo", "echo", "bye", "early", "cut", "reset", "poison", "stream"}
	for k := range 4 {
		me := fmt.Sprintf("%s-%d", id, k)
		mood := moods[rnd.IntN(len(moods))]
		size := []int{0, 100, 5000, 50000, 200000}[rnd.IntN(5)]
		body := strings.Repeat(string(rune('a'+rnd.IntN(26))), size)
		raw := fmt.Sprintf("POST /%s HTTP/1.1\r\nHost: localhost\r\nX-Id: %s\r\nContent-Length: %d\r\n\r\n%s", mood, me, size, body)
		if rnd.IntN(2) == 0 {
			raw = strings.Replace(chunked(body), "POST / HTTP/1.1\r\n", "POST /"+mood+" HTTP/1.1\r\nX-Id: "+me+"\r\n", 1)
			raw = strings.Replace(raw, "POST /v1 HTTP/1.1\r\n", "POST /"+mood+" HTTP/1.1\r\nX-Id: "+me+"\r\n", 1)
		}
		cut := len(raw)
		if rnd.IntN(4) == 0 {
			cut = rnd.IntN(len(raw))
		}
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_, _ = io.WriteString(conn, raw[:cut])
		}()
		if cut < len(raw) || rnd.IntN(8) == 0 {
			if rnd.IntN(2) == 0 {
				<-sent
			}
			if tcp, ok := conn.(*net.TCPConn); ok && rnd.IntN(2) == 0 {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
			<-sent
			return
		}
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			_ = conn.Close()
			<-sent
			return
		}
		got, err := io.ReadAll(resp.Body)
		_ = conn.SetDeadline(time.Now().Add(wait))
		if resp.StatusCode < 500 && resp.StatusCode != 400 {
			assert.Equal(t, me, resp.Header.Get("X-Id"))
		}
		if resp.StatusCode == 200 && err == nil && (mood == "echo" || mood == "bye") {
			assert.True(t, string(got) == body, "%s: another body", me)
		}
		if mood == "cut" && resp.StatusCode == 200 {
			assert.Error(t, err)
		}
		if err != nil || resp.Close {
			_ = conn.Close()
			<-sent
			return
		}
		<-sent
	}
}

func eachShapeInTurn(t *testing.T, f func(t *testing.T, o rigOptions)) {
	for name, o := range map[string]rigOptions{"tls": {}, "plain, unix": {plain: true, unix: true}, "read": {Options: Options{watch: watchReading}}} {
		t.Run(name, func(t *testing.T) { f(t, o) })
	}
}

// usePoller makes the runtime open what it keeps for its network poller.
func usePoller(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

// descriptors counts the open ones; constant where /proc is missing.
func descriptors() int {
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(d)
}

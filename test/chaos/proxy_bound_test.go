//go:build linux

package chaos

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// grown is by how much its memory in RAM has grown, KiB.
func (s *server) grown(from int) int { return s.proc("VmRSS") - from }

func TestF135AClientThatReadsNearlyNothing(t *testing.T) {
	t.Parallel()
	c := row(t, "F135, F136, H576", "a byte a second down from, and up to, an upstream of 1 GiB: at most 1 MiB for each, and the drip is seen")
	w := newWorld(t)
	const each = 16
	var drips atomic.Int64
	u := newUpstream(t, func(up *upConn) {
		head, err := up.br.ReadString('\n')
		if err != nil {
			return
		}
		for line := ""; line != "\r\n" && err == nil; line, err = up.br.ReadString('\n') {
		}
		if strings.HasPrefix(head, "GET /ok") {
			up.say(okReply)
			return
		}
		if strings.HasPrefix(head, "POST") {
			for {
				if _, err := up.br.ReadByte(); err != nil {
					return
				}
				drips.Add(1)
			}
		}
		up.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", 1<<30))
		block := bytes.Repeat([]byte("x"), 64<<10)
		for range 1 << 14 {
			if _, err := up.Write(block); err != nil {
				return
			}
		}
	})
	s := w.serving(u.url()).live()
	for range 3 {
		_, _ = s.raw("GET /ok HTTP/1.1\r\nHost: "+s.address+"\r\nConnection: close\r\n\r\n", 20*time.Second)
	}
	before := s.proc("VmRSS")
	var down, upload []net.Conn
	for range each {
		d := s.dial()
		fmt.Fprintf(d, "GET /big HTTP/1.1\r\nHost: %s\r\n\r\n", s.address)
		down = append(down, d)
		up := s.dial()
		fmt.Fprintf(up, "POST /drip HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", s.address, 1<<30)
		upload = append(upload, up)
	}
	seconds := much(20, 3)
	one := make([]byte, 1)
	for range seconds {
		sleep(time.Second)
		for _, d := range down {
			_ = d.SetReadDeadline(time.Now().Add(5 * time.Second))
			_, err := d.Read(one)
			c.that(err == nil, "the slow reader: %v", err)
		}
		for _, d := range upload {
			_, err := d.Write(one)
			c.that(err == nil, "the slow sender: %v", err)
		}
	}
	s.await("dripping", func() bool { return drips.Load() == int64(each*seconds) })
	c.that(drips.Load() == int64(each*seconds), "the upstream sees each byte: %d of %d", drips.Load(), each*seconds)
	grown := s.grown(before)
	c.that(grown < 2*each<<10, "%d KiB more for %d streams", grown, 2*each)
	c.that(s.alive(), "others are served")
	c.note("%d KiB for each", grown/(2*each))
}

// streams answers with streams that end when they may, or never.
func streams(t *testing.T, ends <-chan struct{}) *upstream {
	return newUpstream(t, func(up *upConn) {
		for {
			r, _, err := up.next()
			if err != nil {
				return
			}
			up.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nbegun\n\n\r\n")
			if r.URL.Path == "/never" {
				up.gone(5 * time.Minute)
				return
			}
			<-ends
			up.say("7\r\nended\n\n\r\n0\r\n\r\n")
		}
	})
}

// open begins n streams and reads the first event of each.
func (s *server) open(n int, path string) (list []*upConn, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	places := make(chan struct{}, 64)
	for range n {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			conn, bad := net.DialTimeout("tcp", s.address, 20*time.Second)
			if bad == nil {
				_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
				fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, s.address)
				c := &upConn{Conn: conn, br: bufio.NewReaderSize(conn, 512)}
				for line := ""; bad == nil && line != "begun\n"; line, bad = c.br.ReadString('\n') {
				}
				mu.Lock()
				list = append(list, c)
				mu.Unlock()
			}
			if bad != nil {
				mu.Lock()
				err = bad
				mu.Unlock()
			}
		})
	}
	all.Wait()
	s.t.Cleanup(func() {
		for _, c := range list {
			_ = c.Close()
		}
	})
	return list, err
}

func TestF137ManyStreamsThenSIGTERM(t *testing.T) {
	t.Parallel()
	c := row(t, "F137", "open streams, then SIGTERM: drained, the rest broken visibly; 0, or 7 if any was cut")
	n := much(5000, 150)
	if raiseLimit() < uint64(2*n+500) {
		t.Skipf("needs %d descriptors", 2*n+500)
	}
	w := newWorld(t)
	for _, never := range []int{0, n / 10} {
		drain := "60s"
		if never > 0 {
			drain = itoa(much(10, 2)) + "s"
		}
		ends := make(chan struct{})
		u := streams(t, ends)
		s := w.serving(u.url(), "--drain-timeout", drain).live()
		ending, err := s.open(n-never, "/ends")
		c.that(err == nil, "open: %v", err)
		cut, err := s.open(never, "/never")
		c.that(err == nil, "open: %v", err)
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		s.await("draining", func() bool { return strings.Contains(s.said.String(), "draining") })
		close(ends)
		whole, broken := 0, 0
		var mu sync.Mutex
		var all sync.WaitGroup
		for i, conn := range append(ending, cut...) {
			all.Go(func() {
				rest, err := io.ReadAll(conn.br)
				ended := bytes.HasSuffix(rest, []byte("ended\n\n\r\n0\r\n\r\n"))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case i < len(ending) && ended:
					whole++
				case i >= len(ending) && !bytes.Contains(rest, []byte("0\r\n\r\n")) && !errors.Is(err, os.ErrDeadlineExceeded):
					broken++
				}
			})
		}
		all.Wait()
		r := s.wait()
		want := 0
		if never > 0 {
			want = 7
		}
		c.that(whole == n-never && broken == never, "%d of %d whole, %d of %d broken visibly", whole, n-never, broken, never)
		c.that(r.code == want, "want exit %d: %d, %s", want, r.code, s.said.String()[max(0, len(s.said.String())-300):])
		c.note("%d streams, %d cut, exit %d", n, never, r.code)
	}
}

func raiseLimit() uint64 {
	var limit syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	if limit.Cur < limit.Max {
		raised := limit
		raised.Cur = limit.Max
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil {
			limit = raised
		}
	}
	return limit.Cur
}

func TestF138NoDescriptorsLeft(t *testing.T) {
	t.Parallel()
	need(t, "prlimit")
	c := row(t, "F138", "64 descriptors: no spin, it lives, and serves within a second of their release")
	w := newWorld(t)
	s := w.under("prlimit", "--nofile=64:64").serving(w.sb.PlainURL("anthropic")).live()
	var taken []net.Conn
	for range 120 {
		taken = append(taken, s.dial())
	}
	used, begun := s.cpu(), time.Now()
	sleep(time.Duration(much(6, 2)) * time.Second)
	share := float64(s.cpu()-used) / float64(time.Since(begun))
	c.that(share < 0.05, "it uses %.1f %% of a processor", 100*share)
	for _, conn := range taken {
		_ = conn.Close()
	}
	released := time.Now()
	status, body := s.ask()
	took := time.Since(released)
	c.that(status == 200, "after the release: %d %s", status, body)
	c.that(took < 2*time.Second, "after the release: %v", took) // a second, and one for a busy machine
	c.note("%.1f %% of a processor, first answer %v after the release", 100*share, took.Round(time.Millisecond))
}

func TestF139LittleMemory(t *testing.T) {
	t.Parallel()
	c := row(t, "F139", "256 streams within 64 MiB (GOMEMLIMIT, and the most that was in RAM)")
	w := newWorld(t)
	ends := make(chan struct{})
	u := streams(t, ends)
	s := w.with("GOMEMLIMIT=64MiB").serving(u.url()).live()
	list, err := s.open(256, "/ends")
	c.that(err == nil, "open: %v", err)
	peak := s.proc("VmHWM")
	c.that(peak < 64<<10, "%d KiB", peak)
	close(ends)
	for _, conn := range list {
		_, err := conn.br.ReadString('\n')
		c.that(err == nil, "%v", err)
	}
	c.that(s.alive(), "it lives")
	c.note("at most %d KiB", peak)
}

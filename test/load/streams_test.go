//go:build linux

package load

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// Many streams at once while tokens rotate, and SIGTERM in the middle of the last
// of each: no event is lost, doubled, reordered or held back, and no request
// reaches the vendor without a live token.
func TestStreamsAcrossRotationsAndSIGTERM(t *testing.T) {
	t.Parallel()
	clients := pick(1000, 60)
	// A token of 60 s is replaced after 39 to 45 s; serve replaces none sooner
	// than 10 s after the last.
	life, rotations, pause := pick(60*time.Second, 16*time.Second), pick(3, 1), pick(400*time.Millisecond, 100*time.Millisecond)
	sb := sandbox.Start(t)
	v := newVendor(t, sb, life)
	s := serve(t, v.env(), "--upstream", v.api.URL, "--ca-file", sb.CAFile(), "--drain-timeout", "60s")

	var stop atomic.Bool
	ended := make(chan struct{}) // SIGTERM was sent
	last := make([]chan *stream, clients)
	errs := make(chan error, clients)
	delays := make([][]time.Duration, clients)
	streams := atomic.Int64{}
	var all sync.WaitGroup
	for i := range clients {
		last[i] = make(chan *stream, 1)
		all.Go(func() {
			c := &watcher{client: client{address: s.address}, v: v, streams: &streams}
			defer c.close()
			if err := c.run(&stop, pause, last[i], ended); err != nil {
				errs <- fmt.Errorf("client %d: %w", i, err)
			}
			delays[i] = c.delays
		})
	}
	rotated := func() bool { granted, _ := v.tokens(); return granted > rotations }
	require.Eventually(t, func() bool { return rotated() || len(errs) > 0 }, time.Duration(rotations+1)*life, 50*time.Millisecond)
	stop.Store(true)
	for i := range last {
		select {
		case one := <-last[i]:
			select {
			case <-one.begun:
			case <-time.After(patience):
				t.Fatalf("the last stream of client %d does not begin", i)
			}
		case err := <-errs:
			t.Fatal(err)
		case <-time.After(2 * patience):
			t.Fatalf("client %d does not come to its last stream", i)
		}
	}
	opened := s.metrics().value("awf_cred_open_streams")
	s.end()
	s.await("draining", func() bool { return strings.Contains(s.stderr.String(), "draining") })
	close(ended)
	all.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	assert.Zero(t, s.status(patience), "every stream was drained")
	assert.Equal(t, float64(clients), opened, "streams that were open when SIGTERM came")
	assert.Empty(t, v.refused(), "requests without a live token")
	granted, used := v.tokens()
	assert.GreaterOrEqual(t, used, granted-1, "every token was used, but for one that came during the drain")
	assert.Zero(t, sb.Counts().Replays)

	var every []time.Duration
	for _, d := range delays {
		every = append(every, d...)
	}
	slices.Sort(every)
	require.NotEmpty(t, every)
	at := func(share float64) time.Duration { return every[int(share*float64(len(every)-1))] }
	fmt.Printf("streams: %d clients, %d streams, %d events, %d tokens of %v; none lost, doubled, reordered or held back; delay of an event: median %v, p99 %v, longest %v\n",
		clients, streams.Load(), len(every), granted, life, at(0.5), at(0.99), at(1))
}

// watcher is a client of event streams.
type watcher struct {
	client
	v       *vendor
	streams *atomic.Int64
	delays  []time.Duration
}

// run reads one stream after another, and one more when it is told to stop.
func (w *watcher) run(stop *atomic.Bool, pause time.Duration, last chan<- *stream, ended <-chan struct{}) error {
	for {
		ends := stop.Load()
		var hold <-chan struct{}
		if ends {
			hold = ended
		}
		s := w.v.announce(pick(20, 8)+rand.IntN(pick(40, 12)), pause, hold)
		if ends {
			last <- s
		}
		if err := w.watch(s); err != nil {
			return fmt.Errorf("stream %d of %d events: %w", s.id, s.events, err)
		}
		w.streams.Add(1)
		if ends {
			return nil
		}
	}
}

const question = `{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}`

// watch reads one stream and compares it byte for byte with what was sent.
func (w *watcher) watch(s *stream) error {
	defer w.v.streams.Delete(s.id)
	header := []string{"Content-Type: application/json", "Authorization: Bearer of-the-client", fmt.Sprintf("X-Stream: %d", s.id)}
	a, err := w.send("POST", "/v1/messages", header, []byte(question))
	if err != nil {
		return err
	}
	if a.status != 200 {
		_, _ = a.finish()
		return fmt.Errorf("status %d", a.status)
	}
	body := bufio.NewReader(a.body)
	for n := range s.events {
		want := event(s.id, n)
		got := make([]byte, len(want))
		if _, err := io.ReadFull(body, got); err != nil {
			return fmt.Errorf("event %d: %w", n, err)
		}
		w.delays = append(w.delays, time.Duration(time.Now().UnixNano()-s.sent.Load()))
		if string(got) != want {
			return fmt.Errorf("event %d is %q", n, strings.TrimSpace(string(got)))
		}
		s.got <- n
	}
	if rest, err := io.ReadAll(body); err != nil || len(rest) > 0 {
		return fmt.Errorf("behind the last event: %q, %w", rest, err)
	}
	_, err = a.finish()
	return err
}

//go:build linux

package load

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// sample is what the process holds at one moment. Descriptors are without the
// connections to the vendor: how many of them are idle is chance, and bounded.
type sample struct {
	fds, goroutines float64
	heap, resident  int
}

func (l *load) sample() sample {
	m := l.s.metrics()
	return sample{
		fds: m.value("process_open_fds") - float64(connectionsTo(l.t, l.sb.Address(sandbox.HostAnthropic))), goroutines: m.value("go_goroutines"),
		heap: int(m.value("go_memstats_heap_inuse_bytes")), resident: l.s.resident(),
	}
}

// connectionsTo counts connections of this machine to an address of 127.0.0.1.
func connectionsTo(t *testing.T, address string) (n int) {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	remote := fmt.Sprintf("0100007F:%04X", number)
	data, err := os.ReadFile("/proc/net/tcp")
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		// sl, local, remote, state: established or half closed by the other side
		if f := strings.Fields(line); len(f) > 3 && f[2] == remote && (f[3] == "01" || f[3] == "08") {
			n++
		}
	}
	return n
}

func (s sample) String() string {
	return fmt.Sprintf("%.0f descriptors, %.0f goroutines, heap %.1f MiB, resident %.1f MiB", s.fds, s.goroutines,
		float64(s.heap)/(1<<20), float64(s.resident)/(1<<20))
}

// settled is the sample when clients have gone: descriptors and goroutines have
// stopped falling.
func (l *load) settled() sample {
	l.t.Helper()
	best := l.sample()
	same := 0
	for range 100 {
		wait := time.NewTimer(100 * time.Millisecond)
		<-wait.C
		now := l.sample()
		if now.fds < best.fds || now.goroutines < best.goroutines {
			best, same = now, 0
		}
		if same++; same > 10 {
			break
		}
	}
	now := l.sample()
	best.heap, best.resident = now.heap, now.resident
	return best
}

// The same load again and again with tokens of 60 s: at the end descriptors and
// goroutines are those of the start, and memory has not grown.
func TestSoak(t *testing.T) {
	t.Parallel()
	d := soakFor(t)
	const clients = 32
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) {
		c.Rule.TokenLifetime, c.Records = time.Minute, -1
	}))
	s := serve(t, append(sb.GitHubEnv(), sb.AnthropicEnv()...), "--upstream", sb.TLSURL(sandbox.HostAnthropic), "--ca-file", sb.CAFile())
	l := &load{t: t, sb: sb, s: s}
	l.run(clients, min(d/4, 10*time.Second)) // the pool of upstream connections and the heap come to their size
	start := l.settled()

	var samples []sample
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(clients, d)
	}()
	tick := time.NewTicker(max(d/600, 200*time.Millisecond))
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-tick.C:
			samples = append(samples, l.sample())
		case <-done:
			running = false
		}
	}
	end := l.settled()
	exchanges := sb.Counts().Exchanges
	fmt.Printf("soak: %v, %d requests (%d of them left by the client), %d exchanges; start %v; end %v; under load %s\n",
		d, l.asked.Load(), l.left.Load(), exchanges, start, end, trend(samples))

	assert.LessOrEqual(t, end.fds, start.fds+1, "descriptors") // a connection to the admin listener may come or go
	assert.LessOrEqual(t, end.goroutines, start.goroutines+2, "goroutines")
	first, last := thirds(samples)
	assert.Less(t, last.resident, first.resident+8<<20, "resident memory under load, median of the first and of the last third")
	assert.Less(t, last.heap, first.heap+4<<20, "heap under load")
	assert.Empty(t, sb.Reasons(), "what the vendor refused")
	assert.Zero(t, sb.Counts().Replays)
	optimum := int(d/(39*time.Second)) + 1
	assert.LessOrEqual(t, exchanges, optimum+2, "exchanges, with those of the warm-up")
	s.end()
	assert.Zero(t, s.status(patience))
}

// thirds are the medians of the first and the last third.
func thirds(all []sample) (first, last sample) {
	n := max(1, len(all)/3)
	if len(all) == 0 {
		return sample{}, sample{}
	}
	return median(all[:n]), median(all[len(all)-n:])
}

func median(of []sample) sample {
	pick := func(value func(sample) int) int {
		list := make([]int, len(of))
		for i, s := range of {
			list[i] = value(s)
		}
		slices.Sort(list)
		return list[len(list)/2]
	}
	return sample{
		fds:        float64(pick(func(s sample) int { return int(s.fds) })),
		goroutines: float64(pick(func(s sample) int { return int(s.goroutines) })),
		heap:       pick(func(s sample) int { return s.heap }),
		resident:   pick(func(s sample) int { return s.resident }),
	}
}

func trend(all []sample) string {
	first, last := thirds(all)
	return fmt.Sprintf("first third %v, last third %v", first, last)
}

// load is a mixture of what clients do: short answers, streams, large bodies, and
// leaving in the middle.
type load struct {
	t  *testing.T
	sb *sandbox.Sandbox
	s  *served

	asked, left atomic.Int64
}

func (l *load) run(clients int, d time.Duration) {
	deadline := time.Now().Add(d)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			c := &client{address: l.s.address}
			defer c.close()
			for time.Now().Before(deadline) {
				if err := l.one(c); err != nil {
					l.t.Errorf("client %d: %v", i, err)
					return
				}
				pause := time.NewTimer(time.Duration(rand.IntN(120)) * time.Millisecond)
				<-pause.C
			}
		})
	}
	all.Wait()
}

func (l *load) one(c *client) error {
	header := []string{"Content-Type: application/json", "Anthropic-Version: 2023-06-01", "Authorization: Bearer of-the-client"}
	one := turn{Method: "POST", Path: "/v1/messages", Body: 300 + rand.IntN(4000)}
	leaves := false
	switch rand.IntN(10) {
	case 0, 1, 2:
		one.Events, one.Interval = 20, 10
	case 3:
		one.Events, one.Interval, leaves = 20, 10, true
	case 4:
		one.Body = 96 << 10
	}
	if one.Events > 0 {
		header = append(header, "X-Sandbox-Events: "+strconv.Itoa(one.Events), "X-Sandbox-Interval: 10ms")
	}
	l.asked.Add(1)
	a, err := c.send(one.Method, one.Path, header, one.body(one.Body))
	if err != nil {
		return err
	}
	if leaves {
		l.left.Add(1)
		_, err := a.body.Read(make([]byte, 100))
		c.close()
		return err
	}
	if _, err := a.finish(); err != nil {
		return err
	}
	if a.status != 200 {
		return fmt.Errorf("status %d", a.status)
	}
	return nil
}

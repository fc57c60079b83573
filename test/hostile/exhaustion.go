package hostile

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// exhaustion is the rows H570 to H584. How many of everything there are is
// the target's scale.
func exhaustion() []Case {
	all := row(570,
		Case{Name: "one header byte at a time on many connections", Want: served, Run: slowHeaders},
		Case{Name: "many idle connections", Want: served, Run: func(s *Session) error { return s.held(s.target.Scale().Idle, "") }},
		Case{Name: "half of a TLS record on many connections", Want: served, Run: func(s *Session) error { return s.held(s.target.Scale().Halves, clientHello[:7]) }},
		Case{Name: "connections that come and go", Want: served, Run: churn},
		Case{Name: "bodies of a byte a second", Want: served, Run: slowBodies},
		Case{Name: "more requests than may run at once", Role: Narrow, Want: answered(503), Run: tooMany},
		Case{Name: "clients that never read", Want: served, Run: deaf},
	)
	signed := func(name string, run func(*Session) error) Case {
		return Case{Name: name, Role: Signer, Want: served, Run: run}
	}
	sized := func(more, want int) func(*Session) error {
		return func(s *Session) error { return s.signed(s.target.Scale().SignLimit+more, want) }
	}
	all = append(all, row(577,
		signed("a body for signing just below the bound", sized(-1, 200)),
		signed("a body for signing at the bound", sized(0, 200)),
		signed("a body for signing above the bound", sized(1, 413)),
		signed("many bodies for signing at once", manySigned),
	)...)
	distinct := func(what string, raw func(i int) string) Case {
		return Case{Name: "distinct " + what, Want: served, Run: func(s *Session) error { return s.distinct(raw) }}
	}
	// 100 names in each request: the bound of header lines is 1,000.
	all = append(all, row(580,
		distinct("header names", func(i int) string {
			var lines []string
			for j := range namesInOne {
				lines = append(lines, fmt.Sprintf("X-Distinct-%d: v", i*namesInOne+j))
			}
			return get("/v1/models", lines...)
		}),
		distinct("paths", func(i int) string { return get(fmt.Sprintf("/v1/distinct/%d", i)) }),
		distinct("Host values", func(i int) string {
			return strings.Replace(get("/v1/models"), "{host}", fmt.Sprintf("localhost:%d", 1+i%65535), 1)
		}),
		distinct("user agents", func(i int) string { return get("/v1/models", fmt.Sprintf("User-Agent: agent/%d", i)) }),
	)...)
	return append(all, row(584, Case{Name: "a reset at every 64 bytes", Want: served, Run: resets})...)
}

const namesInOne = 100

// several opens n connections; the caller closes them.
func (s *Session) several(n int) ([]*client, func(), error) {
	var conns []*client
	closeAll := func() {
		for _, c := range conns {
			c.reset()
		}
	}
	for range n {
		c, err := s.dial()
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("connection %d of %d: %w", len(conns)+1, n, err)
		}
		conns = append(conns, c)
	}
	return conns, closeAll, nil
}

// latency is the median time of a plain request.
func (s *Session) latency() (time.Duration, error) {
	var times []time.Duration
	for range 9 {
		start := time.Now()
		if err := s.suite.probe(s.role, s.network); err != nil {
			return 0, err
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// undisturbed runs f and wants others to be served at most 100 ms later meanwhile.
func (s *Session) undisturbed(f func() error) error {
	normal, err := s.latency()
	if err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	now, err := s.latency()
	if err != nil {
		return fmt.Errorf("others are not served: %w", err)
	}
	if now > normal+100*time.Millisecond {
		return fmt.Errorf("others wait %v, normally %v", now, normal)
	}
	return nil
}

func slowHeaders(s *Session) error {
	scale := s.target.Scale()
	conns, closeAll, err := s.several(scale.Slow)
	if err != nil {
		return err
	}
	defer closeAll()
	started := time.Now()
	raw := s.fill(post("/v1/messages"))
	err = s.undisturbed(func() error {
		for i := 0; time.Since(started) < scale.HeaderTimeout; i++ {
			for _, c := range conns {
				_, _ = c.Write(raw[i : i+1])
			}
			time.Sleep(scale.HeaderTimeout / 2)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return closedBy(conns, started.Add(scale.HeaderTimeout+3*time.Second))
}

// held opens connections that say prefix and nothing more.
func (s *Session) held(n int, prefix string) error {
	var conns []*client
	var closeAll func()
	started := time.Now()
	err := s.undisturbed(func() (err error) {
		if conns, closeAll, err = s.several(n); err != nil {
			return err
		}
		for _, c := range conns {
			_, _ = io.WriteString(c, prefix)
		}
		return nil
	})
	if closeAll != nil {
		defer closeAll()
	}
	if err != nil {
		return err
	}
	return closedBy(conns, time.Now().Add(s.target.Scale().HeaderTimeout+3*time.Second-min(time.Since(started), time.Second)))
}

// closedBy wants every connection to be ended by the other side.
func closedBy(conns []*client, deadline time.Time) error {
	for i, c := range conns {
		if _, err := c.end(time.Until(deadline)); err != nil {
			return fmt.Errorf("connection %d: %w", i+1, err)
		}
	}
	return nil
}

func churn(s *Session) error {
	return s.undisturbed(func() error {
		for range s.target.Scale().Churn {
			c, err := s.target.Dial(s.role, s.network)
			if err != nil {
				return err
			}
			c.Close()
		}
		return nil
	})
}

// stalled measures what n connections hold; f puts each into its state.
func (s *Session) stalled(n int, f func(*client)) error {
	before, err := s.target.Figures(s.role)
	if err != nil {
		return err
	}
	conns, closeAll, err := s.several(n)
	if err != nil {
		return err
	}
	defer closeAll()
	err = s.undisturbed(func() error {
		for _, c := range conns {
			f(c)
		}
		time.Sleep(300 * time.Millisecond)
		return nil
	})
	if err != nil {
		return err
	}
	now, err := s.target.Figures(s.role)
	if err != nil {
		return err
	}
	if each := (now.Resident - before.Resident) / int64(n); each > s.target.Scale().Memory {
		return fmt.Errorf("each of %d connections holds %d bytes, more than %d", n, each, s.target.Scale().Memory)
	}
	return nil
}

func slowBodies(s *Session) error {
	head := s.fill("POST /v1/messages HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1073741824\r\n\r\n")
	err := s.stalled(s.target.Scale().Uploads, func(c *client) {
		_, _ = c.Write(head)
		_, _ = c.Write([]byte("b"))
	})
	if err != nil {
		return err
	}
	for _, r := range s.upstream.Since(s.mark) {
		if r.Method != "GET" { // the probes
			return errors.New("an upload that never ended counts as a request upstream")
		}
	}
	return nil
}

func deaf(s *Session) error {
	return s.stalled(s.target.Scale().Deaf, func(c *client) { c.send(s.fill(get("/endless"))) })
}

// tooMany fills the limit with requests that hang; the next one is told to come
// back, and is served when one has gone.
func tooMany(s *Session) error {
	conns, mark, closeAll, err := s.fillLimit()
	if err != nil {
		return err
	}
	defer closeAll()
	for range 20 {
		c, err := s.dial()
		if err != nil {
			return err
		}
		c.send(s.fill(get("/v1/models")))
		r, err := c.reply(false)
		c.Close()
		if err != nil {
			return err
		}
		if r.Status != 503 || r.Value("retry-after") == "" {
			return fmt.Errorf("beyond the limit came %d, Retry-After %q", r.Status, r.Value("retry-after"))
		}
		if err := isErrorBody(r); err != nil {
			return err
		}
	}
	if n := len(s.upstream.Since(mark)); n != len(conns) {
		return fmt.Errorf("upstream saw %d requests, want %d", n, len(conns))
	}
	conns[0].reset()
	return s.eventually(2*time.Second, func() error { return s.suite.probe(s.role, s.network) })
}

// fillLimit opens as many hanging requests as may run at once. A request of the case
// before may not be over yet and take the place of one of them: then they all start
// again.
func (s *Session) fillLimit() (conns []*client, mark int, closeAll func(), err error) {
	for range 10 {
		conns, closeAll, err = s.several(s.target.Scale().MaxRequests)
		if err != nil {
			return nil, 0, nil, err
		}
		mark = s.upstream.Mark()
		for _, c := range conns {
			c.send(s.fill(get("/hang")))
		}
		err = s.eventually(time.Second, func() error {
			if n := len(s.upstream.Since(mark)); n != len(conns) {
				return fmt.Errorf("upstream saw %d requests, want %d", n, len(conns))
			}
			return nil
		})
		if err == nil {
			return conns, mark, closeAll, nil
		}
		closeAll()
	}
	return nil, 0, nil, err
}

// signed sends a body of n bytes to be signed.
func (s *Session) signed(n, want int) error {
	mark := s.upstream.Mark()
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer func() { c.Close(); s.hear(c) }()
	payload := strings.Repeat("s", n)
	c.send(s.fill(request("POST", "/model/m/invoke", payload)))
	r, err := c.reply(false)
	if err != nil {
		return err
	}
	if err := statusIs(r, []int{want}); err != nil {
		return err
	}
	got := s.upstream.Since(mark)
	if want != 200 {
		if len(got) > 0 {
			return errors.New("a refused body arrived")
		}
		return isErrorBody(r)
	}
	if len(got) != 1 {
		return fmt.Errorf("upstream saw %d requests, want 1", len(got))
	}
	return s.judge(got[0], Try{Keep: arrived, Body: payload, Exactly: true})
}

// manySigned sends many large bodies at once: each is served or told to come
// back, and all together stay within the bound.
func manySigned(s *Session) error {
	scale := s.target.Scale()
	before, err := s.target.Figures(s.role)
	if err != nil {
		return err
	}
	s.upstream.Judge(func(r Request) error { return s.suite.oneCredential(s.role, r) })
	defer s.upstream.Judge(nil)
	raw := s.fill(request("POST", "/model/m/invoke", strings.Repeat("s", scale.SignLimit)))
	status := make(chan int, scale.Signed)
	var wg sync.WaitGroup
	for range scale.Signed {
		wg.Go(func() {
			c, err := s.dial()
			if err != nil {
				status <- 0
				return
			}
			defer c.Close()
			c.send(raw)
			r, err := c.reply(false)
			if err != nil || r.Status == 503 && r.Value("retry-after") == "" {
				status <- 0
				return
			}
			status <- r.Status
		})
	}
	var most int64
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-time.After(20 * time.Millisecond):
			if f, err := s.target.Figures(s.role); err == nil {
				most = max(most, f.Resident-before.Resident)
			}
		}
	}
	close(status)
	count := map[int]int{}
	for n := range status {
		count[n]++
	}
	if count[200] == 0 || count[200]+count[503] != scale.Signed {
		return fmt.Errorf("the answers were %v, want some 200, the rest 503 with Retry-After", count)
	}
	if bound := s.signBound(); bound > 0 && most > bound {
		return fmt.Errorf("memory grew by %d bytes, more than %d", most, bound)
	}
	return nil
}

// signBound is what all signed bodies may hold, 0 where the figures of the target
// include this suite's own bodies. A collector keeps as much garbage again.
func (s *Session) signBound() int64 {
	if s.target.Scale().SignBudget == 0 {
		return 0
	}
	return 2*int64(s.target.Scale().SignBudget) + 32<<20
}

// distinct sends requests that differ and wants no metric series for it.
func (s *Session) distinct(raw func(i int) string) error {
	before, err := s.target.Series(s.role)
	if err != nil {
		return err
	}
	s.upstream.Judge(func(r Request) error { return s.suite.oneCredential(s.role, r) })
	defer s.upstream.Judge(nil)
	n := s.target.Scale().Distinct
	if strings.Contains(raw(0), "X-Distinct-") {
		n = max(1, n/namesInOne)
	}
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer func() { c.Close() }()
	const batch = 20
	for i := 0; i < n; i += batch {
		var b strings.Builder
		for j := range batch {
			b.WriteString(raw(i + j))
		}
		c.send(s.fill(b.String()))
		for range batch {
			r, err := c.reply(false)
			if err != nil {
				return fmt.Errorf("request %d: %w", i, err)
			}
			if r.Status != 200 {
				return fmt.Errorf("request %d got %d %s", i, r.Status, cut(string(r.Body)))
			}
		}
		c.got.b.Reset()
		if i%(50*batch) == 0 {
			_ = s.target.Log()
		}
	}
	after, err := s.target.Series(s.role)
	if err != nil {
		return err
	}
	if after > before+2 {
		return fmt.Errorf("%d metric series, before it %d", after, before)
	}
	return nil
}

// resets breaks a request off behind every 64th byte, and an answer too.
func resets(s *Session) error {
	raw := s.fill(chunked("/length/2000", []string{"X-Long: " + strings.Repeat("v", 1000)}, nil))
	for n := 0; n < len(raw); n += 64 {
		c, err := s.dial()
		if err != nil {
			return err
		}
		_, _ = c.Write(raw[:n])
		c.reset()
	}
	for n := 0; n < 2000; n += 64 {
		c, err := s.dial()
		if err != nil {
			return err
		}
		_, _ = c.Write(raw)
		_ = c.SetReadDeadline(time.Now().Add(c.patience))
		_, err = io.ReadFull(c.Conn, make([]byte, n))
		c.reset()
		if err != nil {
			return fmt.Errorf("reading %d bytes of the answer: %w", n, err)
		}
	}
	return nil
}

var _ net.Conn = (*client)(nil)

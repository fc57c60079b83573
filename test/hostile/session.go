package hostile

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"time"
)

// Session is one case on one network.
type Session struct {
	suite    *Suite
	target   Target
	upstream *Upstream
	network  string
	role     Role
	canary   string
	mark     int
	heard    [][]byte // everything that clients got
}

// words are what the tries' placeholders stand for.
func (s *Session) words() map[string]string {
	address := s.target.Address(s.role)
	_, port, _ := net.SplitHostPort(address)
	key := s.target.Key()
	basic := func(password string) string { return base64.StdEncoding.EncodeToString([]byte("user:" + password)) }
	return map[string]string{
		"host": address, "port": port, "canary": s.canary, "trap": s.suite.trapPort(),
		"upstream": s.upstream.Address(), "upstreamname": s.suite.upstreamName,
		"key": key, "wrongkey": s.suite.wrongKey, "prefix": key[:len(key)/2], "upperkey": strings.ToUpper(key),
		"basickey": basic(key), "basicwrong": basic(s.suite.wrongKey),
	}
}

func (s *Session) fill(raw string) []byte { return fill(raw, s.words()) }

func (s *Session) dial() (*client, error) {
	c, err := s.target.Dial(s.role, s.network)
	if err != nil {
		return nil, err
	}
	return newClient(c, s.suite.Patience), nil
}

// hear keeps what a client got, for the search for secrets.
func (s *Session) hear(c *client) {
	if c != nil {
		s.heard = append(s.heard, c.got.b.Bytes())
	}
}

// try makes one connection and checks the verdict.
func (s *Session) try(want Verdict, t Try) error {
	s.mark = s.upstream.Mark()
	raw := s.fill(t.Raw)
	if want.Kind == Refused {
		raw = append(raw, s.fill(tail)...)
	}
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer func() { c.Close(); s.hear(c) }()
	c.send(raw)
	if t.Leave {
		c.leave()
	}
	method, _, _ := strings.Cut(strings.TrimLeft(string(raw[:min(len(raw), 5000)]), "\r\n"), " ")
	r, err := c.reply(method == "HEAD")
	switch want.Kind {
	case Refused:
		return s.wasRefused(c, want, r, err)
	case Answered:
		return s.wasAnswered(want, r, err)
	case Normalised:
		return s.wasNormalised(c, t, r, err)
	}
	if err != nil {
		return err
	}
	if r.Status != 200 || r.Value("x-upstream") != "yes" {
		return fmt.Errorf("got %d %s, want the upstream's 200", r.Status, cut(string(r.Body)))
	}
	got := s.upstream.Since(s.mark)
	if len(got) != 1 {
		return fmt.Errorf("upstream saw %d requests, want 1", len(got))
	}
	if want := strings.SplitN(string(raw), " ", 3); t.Target == "" && got[0].Target != want[1] {
		return fmt.Errorf("the target arrived as %q, want %q", got[0].Target, want[1])
	}
	if got[0].Method != method {
		return fmt.Errorf("the method arrived as %q, want %q", got[0].Method, method)
	}
	return s.judge(got[0], t)
}

func (s *Session) wasRefused(c *client, want Verdict, r Reply, err error) error {
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	if err := statusIs(r, want.Status); err != nil {
		return err
	}
	rest, err := c.end(s.suite.Closing)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("after the refusal came %q", cut(string(rest)))
	}
	return s.nothingUpstream()
}

func (s *Session) wasAnswered(want Verdict, r Reply, err error) error {
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	if err := statusIs(r, want.Status); err != nil {
		return err
	}
	if err := noCORS(r); err != nil {
		return err
	}
	if r.Status >= 400 {
		if err := isErrorBody(r); err != nil {
			return err
		}
		s.suite.sameText(s.network+" "+string(s.role), r)
	}
	return s.nothingUpstream()
}

// wasNormalised is a refusal, a broken request where that is allowed, or exactly
// one request with the right body and nothing after it.
func (s *Session) wasNormalised(c *client, t Try, r Reply, err error) error {
	var rest []byte
	if err == nil {
		rest = c.silence(s.suite.Silence)
	}
	got := s.upstream.Since(s.mark)
	switch {
	case len(got) == 0 && err == nil && (r.Status == 400 || t.Leave && r.Status == 502):
		if rest, err := c.end(s.suite.Closing); err != nil {
			return err
		} else if len(rest) > 0 {
			return fmt.Errorf("after the refusal came %q", cut(string(rest)))
		}
		return nil
	case len(got) == 0 && err != nil && t.Leave:
		return nil
	case len(got) == 0:
		return fmt.Errorf("got %d, %w, and nothing upstream", r.Status, err)
	case len(got) > 1:
		return fmt.Errorf("upstream saw %d requests, want 1", len(got))
	case t.Body == "-" || string(got[0].Body) != t.Body:
		return fmt.Errorf("upstream took %q for the body, RFC 9112 says %q", cut(string(got[0].Body)), cut(t.Body))
	case len(rest) > 0 && !bytes.HasPrefix(rest, []byte("HTTP/1.1 4")):
		// What follows may be refused; it must not be served.
		return fmt.Errorf("after the answer came %q", cut(string(rest)))
	case t.Check != nil:
		return t.Check(got[0])
	}
	return nil
}

func (s *Session) nothingUpstream() error {
	if got := s.upstream.Since(s.mark); len(got) > 0 {
		return fmt.Errorf("upstream saw %q", cut(string(got[0].Head)))
	}
	return nil
}

func statusIs(r Reply, want []int) error {
	for _, n := range want {
		if r.Status == n {
			return nil
		}
	}
	return fmt.Errorf("got %d %s, want %v", r.Status, cut(string(r.Body)), want)
}

// isErrorBody checks the shape that every error of serve has.
func isErrorBody(r Reply) error {
	if ct := r.Value("content-type"); ct != "application/json" {
		return fmt.Errorf("an error of type %q", ct)
	}
	for _, name := range []string{"message", "type", "provider", "port", "retryable", "request_id"} {
		if !strings.Contains(string(r.Body), `"`+name+`":`) {
			return fmt.Errorf("the error has no %s: %s", name, cut(string(r.Body)))
		}
	}
	return nil
}

// judge looks at what arrived.
func (s *Session) judge(r Request, t Try) error {
	if t.Target != "" && r.Target != t.Target {
		return fmt.Errorf("the target arrived as %q, want %q", cut(r.Target), cut(t.Target))
	}
	if string(r.Body) != t.Body {
		return fmt.Errorf("the body arrived as %q, want %q", cut(string(r.Body)), cut(t.Body))
	}
	next := 0
	for _, f := range r.Fields {
		line := f.Name + ": " + f.Value
		switch {
		case next < len(t.Keep) && line == t.Keep[next]:
			next++
		case t.Exactly && !ours[fold(f.Name)]:
			return fmt.Errorf("%q arrived", cut(line))
		}
	}
	if next < len(t.Keep) {
		return fmt.Errorf("%q did not arrive in its place", cut(t.Keep[next]))
	}
	if t.Exactly && len(r.Trailers) > 0 {
		return fmt.Errorf("trailer %q arrived", r.Trailers[0].Name)
	}
	if t.Check != nil {
		return t.Check(r)
	}
	return nil
}

// ours are the headers that serve itself may add or set.
var ours = map[string]bool{
	"host": true, "content-length": true, "transfer-encoding": true, "authorization": true,
	"anthropic-version": true, "anthropic-beta": true, "te": true, "expect": true, "x-amz-date": true, "x-amz-security-token": true,
	"x-amz-content-sha256": true,
}

// pipeline sends requests in one write and wants answers of these statuses in
// order; the upstream must have seen exactly the targets. An answer of 400 or more
// that closes must be the last one.
func (s *Session) pipeline(requests []string, status []int, targets []string) error {
	mark := s.upstream.Mark()
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer func() { c.Close(); s.hear(c) }()
	c.send(s.fill(strings.Join(requests, "")))
	for i, want := range status {
		r, err := c.reply(false)
		if err != nil {
			return fmt.Errorf("answer %d: %w", i, err)
		}
		if r.Status != want {
			return fmt.Errorf("answer %d is %d, want %d", i, r.Status, want)
		}
		if n, ok := strings.CutPrefix(at(targets, i), "/length/"); ok && fmt.Sprint(len(r.Body)) != n {
			return fmt.Errorf("answer %d has %d bytes, want %s", i, len(r.Body), n)
		}
	}
	if rest := c.silence(s.suite.Silence); len(rest) > 0 {
		return fmt.Errorf("one answer too many: %q", cut(string(rest)))
	}
	got := s.upstream.Since(mark)
	if len(got) != len(targets) {
		return fmt.Errorf("upstream saw %d requests, want %d", len(got), len(targets))
	}
	for i, r := range got {
		if r.Target != targets[i] {
			return fmt.Errorf("request %d is %s, want %s", i, r.Target, targets[i])
		}
	}
	return nil
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// answeredAfter sends one request and wants a status.
func (s *Session) answeredAfter(raw string, want int) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer func() { c.Close(); s.hear(c) }()
	c.send(s.fill(raw))
	r, err := c.reply(false)
	if err != nil {
		return err
	}
	return statusIs(r, []int{want})
}

// expect sends a head, waits for 100, then sends the body.
func (s *Session) expect(head string) error {
	s.mark = s.upstream.Mark()
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer func() { c.Close(); s.hear(c) }()
	c.send(s.fill(head))
	r, err := c.anyReply(false)
	if err != nil || r.Status != 100 {
		return fmt.Errorf("got %d, want 100: %w", r.Status, err)
	}
	c.send([]byte(body))
	if r, err = c.reply(false); err != nil || r.Status != 200 {
		return fmt.Errorf("got %d, want 200: %w", r.Status, err)
	}
	got := s.upstream.Since(s.mark)
	if len(got) != 1 {
		return fmt.Errorf("upstream saw %d requests, want 1", len(got))
	}
	return s.judge(got[0], Try{Keep: []string{before}, Body: body, Exactly: true})
}

// abandoned sends a head that asks for 100 and goes away without the body.
func (s *Session) abandoned(head string) error {
	s.mark = s.upstream.Mark()
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer func() { c.Close(); s.hear(c) }()
	c.send(s.fill(head))
	if r, err := c.anyReply(false); err != nil || r.Status != 100 {
		return fmt.Errorf("got %d, want 100: %w", r.Status, err)
	}
	c.reset()
	return s.eventually(time.Second, s.nothingUpstream)
}

// eventually repeats f until it succeeds or the time is over.
func (s *Session) eventually(within time.Duration, f func() error) error {
	deadline := time.Now().Add(within)
	for {
		err := f()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

package hostile

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"
)

// Suite runs cases against one target.
type Suite struct {
	Target   Target
	Upstream *Upstream
	Patience time.Duration // for an answer
	Closing  time.Duration // for the end of a connection that was refused
	Silence  time.Duration // in which a second answer would come

	trap         net.Listener
	trapped      chan string
	wrongKey     string
	upstreamName string
	base         map[Role]Figures
	texts        map[string]string
	differs      string
}

// NewSuite measures the target at rest.
func NewSuite(t Target, u *Upstream) (*Suite, error) {
	trap, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Suite{Target: t, Upstream: u, Patience: 15 * time.Second, Closing: time.Second, Silence: 40 * time.Millisecond, trap: trap, trapped: make(chan string, 16), wrongKey: newKey(),
		upstreamName: "api.anthropic.com", texts: map[string]string{}, base: map[Role]Figures{}}
	go s.watchTrap()
	for _, role := range Roles() {
		for _, network := range []string{"tcp", "unix"} {
			for range 3 {
				if err := s.probe(role, network); err != nil {
					return nil, fmt.Errorf("%s over %s: %w", role, network, err)
				}
			}
		}
	}
	u.Forget()
	_ = t.Log()
	time.Sleep(50 * time.Millisecond)
	for _, role := range Roles() {
		if s.base[role], err = t.Figures(role); err != nil {
			return nil, fmt.Errorf("%s: %w", role, err)
		}
	}
	return s, nil
}

// Close ends the trap; target and upstream are the caller's.
func (s *Suite) Close() { s.trap.Close() }

func (s *Suite) trapPort() string {
	_, port, _ := net.SplitHostPort(s.trap.Addr().String())
	return port
}

// watchTrap notes whoever calls a port that nothing may call.
func (s *Suite) watchTrap() {
	for {
		c, err := s.trap.Accept()
		if err != nil {
			return
		}
		select {
		case s.trapped <- c.RemoteAddr().String():
		default:
		}
		c.Close()
	}
}

// Run makes one case over one network and returns what is wrong.
func (s *Suite) Run(c Case, network string) error {
	defer s.Upstream.Forget()
	x := &Session{suite: s, target: s.Target, upstream: s.Upstream, network: network, role: c.Role, canary: newSecret()}
	x.mark = s.Upstream.Mark()
	if c.Run != nil {
		if err := errors.Join(c.Run(x), s.invariants(x)); err != nil {
			return err
		}
	}
	for i, t := range c.Tries {
		if err := errors.Join(x.try(c.Want, t), s.invariants(x)); err != nil {
			return fmt.Errorf("try %d: %w", i+1, err)
		}
	}
	return s.alive(c.Role, network)
}

var errSlow = errors.New("it succeeded too late")

// errLeak is a client's secret at the upstream.
var errLeak = errors.New("the client's secret arrived upstream")

// invariants are I1 to I5; I1 is the session's own.
func (s *Suite) invariants(x *Session) error {
	for _, complaint := range s.Upstream.Complaints() {
		return fmt.Errorf("upstream: %s", complaint)
	}
	secrets := forms(append(s.Target.Secrets(), x.target.Key(), x.canary)...)
	for _, r := range s.Upstream.Since(0) {
		if err := s.oneCredential(x.role, r); err != nil {
			return err
		}
		for _, form := range forms(x.canary, x.target.Key(), s.wrongKey) {
			if bytes.Contains(r.Head, []byte(form)) {
				return fmt.Errorf("%w: %q", errLeak, cut(string(r.Head)))
			}
		}
	}
	for _, heard := range x.heard {
		for _, form := range forms(s.Target.Secrets()...) {
			if bytes.Contains(heard, []byte(form)) {
				return fmt.Errorf("a client got a credential: %q", cut(string(heard)))
			}
		}
	}
	x.heard = nil
	log := s.Target.Log()
	for _, form := range secrets {
		if strings.Contains(log, form) {
			return fmt.Errorf("a secret is in the log")
		}
	}
	for _, line := range strings.Split(strings.TrimSuffix(log, "\n"), "\n") {
		if line != "" && !json.Valid([]byte(line)) {
			return fmt.Errorf("a log line is not one record: %q", cut(line))
		}
	}
	select {
	case who := <-s.trapped:
		return fmt.Errorf("the trap was called from %s", who)
	default:
	}
	if s.differs != "" {
		return fmt.Errorf("%s", s.differs)
	}
	return nil
}

// credentialFolded are the names that may carry a credential.
var credentialFolded = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range credentialNames {
		m[fold(n)] = true
	}
	return m
}()

// oneCredential is I2: one credential, ours, in the provider's header, and the
// configured upstream as Host.
func (s *Suite) oneCredential(role Role, r Request) error {
	if h := r.Values("host"); len(h) != 1 || h[0] != s.Upstream.Address() {
		return fmt.Errorf("the host arrived as %q", h)
	}
	count := map[string]int{}
	for _, f := range r.Fields {
		if n := fold(f.Name); credentialFolded[n] || strings.HasPrefix(n, "x-amz-") || strings.HasPrefix(n, "x-forwarded-") {
			count[n]++
		}
	}
	for _, f := range r.Trailers {
		if n := fold(f.Name); credentialFolded[n] || strings.HasPrefix(n, "x-amz-") {
			return fmt.Errorf("the trailer %s arrived", f.Name)
		}
	}
	want := map[string]int{"authorization": 1}
	value := r.Values("authorization")
	if role == Signer {
		want = map[string]int{"authorization": 1, "x-amz-date": 1, "x-amz-security-token": 1, "x-amz-content-sha256": 1}
		if len(value) == 1 && !strings.HasPrefix(value[0], "AWS4-HMAC-SHA256 Credential=") {
			return fmt.Errorf("the request is not signed: %q", cut(value[0]))
		}
	} else if len(value) == 1 && value[0] != "Bearer "+s.Target.Bearer(role) {
		return fmt.Errorf("another credential arrived: %q", cut(value[0]))
	}
	if fmt.Sprint(count) != fmt.Sprint(want) {
		return fmt.Errorf("credential headers arrived: %v, want %v", count, want)
	}
	return nil
}

// forms are the ways in which a secret may show: as it is, encoded, in part.
func forms(secrets ...string) []string {
	var out []string
	for _, s := range secrets {
		if len(s) < 16 {
			continue
		}
		for i := 0; i+16 <= len(s); i += 4 {
			out = append(out, s[i:i+16])
		}
		out = append(out, hex.EncodeToString([]byte(s))[:32])
		for shift := range 3 {
			// Base64 of a text that contains s: drop the characters that its neighbours share.
			e := base64.StdEncoding.EncodeToString([]byte(s[shift : len(s)-(len(s)-shift)%3]))
			out = append(out, e[:20])
		}
	}
	return out
}

// sameText keeps the text of refusals: the same for all that have one cause.
func (s *Suite) sameText(class string, r Reply) {
	if r.Status != 401 {
		return
	}
	text := requestID.ReplaceAllString(string(r.Body), `"request_id":""`)
	if first, ok := s.texts[class]; !ok {
		s.texts[class] = text
	} else if first != text {
		s.differs = fmt.Sprintf("a refusal says %q, another %q", text, first)
	}
}

var requestID = regexp.MustCompile(`"request_id":"[^"]*"`)

// probe is a plain request on a new connection.
func (s *Suite) probe(role Role, network string) error {
	c, err := s.Target.Dial(role, network)
	if err != nil {
		return err
	}
	x := newClient(c, s.Patience)
	defer x.Close()
	raw := fill("GET /v1/probe HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: {key}\r\n\r\n", map[string]string{"key": s.Target.Key()})
	x.send(raw)
	_ = x.SetReadDeadline(time.Now().Add(time.Second))
	r, err := x.reply(false)
	if err != nil {
		return err
	}
	return statusIs(r, []int{200})
}

// alive is I6: a plain request succeeds within a second, and what the process
// holds goes back to where it was.
func (s *Suite) alive(role Role, network string) error {
	start := time.Now()
	for {
		err := s.probe(role, network)
		late := time.Since(start) > time.Second
		if err == nil && !late {
			break
		}
		if late {
			return fmt.Errorf("afterwards a plain request takes %v: %w", time.Since(start), cmp.Or(err, errSlow))
		}
	}
	var now Figures
	var err error
	base := s.base[role]
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if now, err = s.Target.Figures(role); err != nil {
			return err
		}
		if now.Goroutines <= base.Goroutines+slack && now.Descriptors <= base.Descriptors+slack && now.Memory <= base.Memory+16<<20 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the process holds %+v, before it %+v", now, base)
		}
	}
}

// slack is for kept upstream connections, which come and go.
const slack = 12

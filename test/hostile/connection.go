package hostile

import (
	"fmt"
	"strings"
	"time"
)

// connections is the rows H540 to H564.
func connections() []Case {
	nominated := func(name string, keep []string, lines ...string) Case {
		want := append(append([]string{arrived[0]}, keep...), arrived[1])
		return one("Connection nominates "+name, served, Try{Raw: post("/v1/messages", lines...), Keep: want, Body: body, Exactly: true})
	}
	var many []string
	for i := range 500 {
		many = append(many, fmt.Sprintf("X-N%03d", i))
	}
	all := row(540,
		nominated("Host", nil, "Connection: Host"),
		nominated("Content-Length", nil, "Connection: Content-Length"),
		Case{Name: "Connection nominates Transfer-Encoding", Want: served, Tries: []Try{
			{Raw: chunked("/v1/messages", []string{"Connection: Transfer-Encoding"}, nil), Keep: arrived, Body: body, Exactly: true}}},
		// Ours stays although the client's is dropped.
		one("Connection nominates anthropic-beta", served, Try{Raw: post("/v1/messages", "Connection: anthropic-beta, anthropic-version", "anthropic-beta: b-one"),
			Keep: arrived, Body: body, Check: betas(nil)}),
		nominated("X-Amz-Date", nil, "Connection: X-Amz-Date", "X-Amz-Date: {canary}"),
		nominated("itself", nil, "Connection: Connection"),
		nominated("500 names", []string{"X-Other: stays"}, append([]string{"Connection: " + strings.Join(many, ","), "X-Other: stays"}, suffix(many, ": {canary}")...)...),
	)

	dropped := func(name string, lines ...string) Case {
		return one(name, served, Try{Raw: post("/v1/messages", lines...), Keep: arrived, Body: body, Exactly: true,
			Check: func(r Request) error {
				for _, f := range r.Fields {
					switch n := fold(f.Name); {
					case n == "upgrade", n == "keep-alive", n == "proxy-connection", n == "http2-settings", n == "te" && fold(f.Value) != "trailers":
						return fmt.Errorf("%s: %s arrived", f.Name, f.Value)
					}
				}
				return nil
			}})
	}
	all = append(all, row(547,
		dropped("Keep-Alive", "Connection: keep-alive", "Keep-Alive: timeout=5"),
		dropped("Proxy-Connection", "Proxy-Connection: keep-alive"),
		dropped("TE: trailers", "Connection: TE", "TE: trailers"),
		dropped("TE: gzip", "TE: gzip"),
		dropped("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
		dropped("Upgrade: foo", "Connection: Upgrade", "Upgrade: foo"),
		dropped("Upgrade: websocket without a key", "Connection: Upgrade", "Upgrade: websocket"),
	)...)

	all = append(all, row(554,
		one("a WebSocket where the provider has none", Verdict{Answered, []int{400, 403, 404, 426}}, Try{Raw: handshake("/v1/messages")}),
		Case{Name: "a WebSocket where the provider has it", Role: Tunnel, Want: served, Run: tunnel},
		Case{Name: "an upstream that answers 101 unasked", Want: answered(502), Run: func(s *Session) error {
			return s.answeredAfter(get("/switch"), 502)
		}},
	)...)
	all = append(all, row(557, Case{Name: "bytes sent early after an Upgrade", Role: Tunnel, Want: served, Run: earlyBytes})...)

	head := func(version string, lines ...string) string {
		return fmt.Sprintf("POST /v1/messages HTTP/%s\r\nHost: {host}\r\n%s\r\nContent-Length: %d\r\n\r\n", version,
			strings.Join(append([]string{before}, lines...), "\r\n"), len(body))
	}
	all = append(all, row(558,
		Case{Name: "Expect with a body", Want: served, Run: func(s *Session) error { return s.expect(head("1.1", "Expect: 100-continue")) }},
		one("Expect without a body", served, Try{Raw: get("/v1/models", "Expect: 100-continue"), Keep: arrived, Exactly: true}),
		Case{Name: "Expect whose body never comes", Want: served, Run: func(s *Session) error {
			return s.abandoned(head("1.1", "Expect: 100-continue"))
		}},
		Case{Name: "Expect twice", Want: served, Run: func(s *Session) error {
			return s.expect(head("1.1", "Expect: 100-continue", "Expect: 100-continue"))
		}},
		one("Expect: foo", refused(417), Try{Raw: post("/v1/messages", "Expect: foo")}),
		one("Expect on HTTP/1.0", served, Try{Raw: head("1.0", "Expect: 100-continue") + body, Keep: []string{before}, Body: body, Exactly: true}),
	)...)

	return append(all, row(564,
		Case{Name: "2 and 100 pipelined requests", Want: served, Run: func(s *Session) error {
			for _, n := range []int{2, 100} {
				var requests, targets []string
				var status []int
				for i := range n {
					targets = append(targets, fmt.Sprintf("/v1/pipe/%d", i))
					requests = append(requests, post(targets[i]))
					status = append(status, 200)
				}
				if err := s.pipeline(requests, status, targets); err != nil {
					return err
				}
			}
			return nil
		}},
		Case{Name: "a bad request among pipelined ones", Want: served, Run: func(s *Session) error {
			return s.pipeline([]string{post("/v1/pipe/0"), get("//evil.test/v1"), post("/v1/pipe/2")}, []int{200, 400}, []string{"/v1/pipe/0"})
		}},
		Case{Name: "pipelined requests whose answers differ in length", Want: served, Run: func(s *Session) error {
			var requests, targets []string
			var status []int
			for _, n := range []int{70_000, 0, 1, 5000, 3} {
				targets = append(targets, fmt.Sprintf("/length/%d", n))
				requests = append(requests, get(targets[len(targets)-1]))
				status = append(status, 200)
			}
			return s.pipeline(requests, status, targets)
		}},
	)...)
}

func suffix(list []string, s string) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = x + s
	}
	return out
}

// tunnel opens a WebSocket with the client's own key and sends bytes both ways.
func tunnel(s *Session) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	c.send(s.fill(handshake("/v1/realtime?model=m", "Authorization: Bearer {canary}",
		"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.{canary}, openai-beta.realtime-v1")))
	r, err := c.reply(false)
	if err != nil {
		return err
	}
	if r.Status != 101 {
		return fmt.Errorf("the handshake got %d, want 101", r.Status)
	}
	for _, text := range []string{"ping", "GET /v1/not-a-request HTTP/1.1\r\n\r\n", strings.Repeat("x", 70_000)} {
		c.send([]byte(text))
		if err := c.expectBytes(strings.ToUpper(text)); err != nil {
			return err
		}
	}
	got := s.upstream.Since(s.mark)
	if len(got) != 1 || !got[0].Tunnel {
		return fmt.Errorf("upstream saw %d requests, want one tunnel", len(got))
	}
	if p := got[0].Values("sec-websocket-protocol"); strings.Join(p, ",") != "realtime, openai-beta.realtime-v1" && strings.Join(p, ",") != "realtime,openai-beta.realtime-v1" {
		return fmt.Errorf("Sec-WebSocket-Protocol is %q", p)
	}
	return s.judge(got[0], Try{Target: "/v1/realtime?model=m", Keep: arrived})
}

// earlyBytes sends a request behind an upgrade that the upstream answers late:
// until the 101 nothing of it may arrive.
func earlyBytes(s *Session) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	c.send(s.fill(handshake("/late-switch") + tail))
	r, err := c.reply(false)
	if err != nil {
		return err
	}
	if r.Status != 101 {
		return fmt.Errorf("the handshake got %d, want 101", r.Status)
	}
	if s.upstream.Early() {
		return fmt.Errorf("bytes came upstream before its 101")
	}
	c.send([]byte("later"))
	if _, err := c.readUntil("LATER", time.Second); err != nil {
		return err
	}
	if got := s.upstream.Since(s.mark); len(got) != 1 {
		return fmt.Errorf("upstream saw %d requests, want 1", len(got))
	}
	return nil
}

package hostile

import (
	"errors"
	"strings"
)

// versionAndHost is the rows H050 to H096.
func versionAndHost() []Case {
	line := func(l string) string { return l + "\r\nHost: {host}\r\n\r\n" }
	old := refused(400, 505)
	all := row(50,
		Case{Name: "HTTP/0.9: no version", Want: old, Tries: []Try{{Raw: "GET /v1\r\n\r\n"}, {Raw: line("GET /v1")}, {Raw: line("GET /v1 ")}}},
		one("HTTP/2.0", old, Try{Raw: line("GET /v1 HTTP/2.0")}),
		one("HTTP/1.2", old, Try{Raw: line("GET /v1 HTTP/1.2")}),
		one("HTTP/9.9", old, Try{Raw: line("GET /v1 HTTP/9.9")}),
		one("version in lower case", old, Try{Raw: line("GET /v1 http/1.1")}),
		one("HTTP/1.1x", old, Try{Raw: line("GET /v1 HTTP/1.1x")}),
		one("the preface of HTTP/2", refused(400, 501, 505), Try{Raw: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"}),
		one("a TLS ClientHello", old, Try{Raw: clientHello}),
		one("1 MiB of zeros", refused(400, 414, 431, 505), Try{Raw: strings.Repeat("\x00", 1<<20)}),
	)

	all = append(all, row(59,
		one("HTTP/1.0 with Host", served, Try{
			Raw:  "GET /v1/models HTTP/1.0\r\nHost: {host}\r\n" + before + "\r\n\r\n",
			Keep: []string{before}, Exactly: true}),
		one("HTTP/1.0 that asks to be kept", served, Try{
			Raw:  "GET /v1/models HTTP/1.0\r\nHost: {host}\r\n" + before + "\r\nConnection: keep-alive\r\n\r\n",
			Keep: []string{before}, Exactly: true}),
		one("HTTP/1.0 with a chunked body", refused(400), Try{
			Raw: "POST /v1/messages HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(body) + "0\r\n\r\n"}),
	)...)

	hosts := func(lines ...string) Try {
		return Try{Raw: "GET /v1 HTTP/1.1\r\n" + strings.Join(lines, "") + "\r\n"}
	}
	all = append(all, row(62,
		one("no Host", refused(400), hosts()),
		one("an empty Host", refused(400), hosts("Host: \r\n")),
		one("Host twice, the same", refused(400), hosts("Host: {host}\r\n", "Host: {host}\r\n")),
		one("Host twice, different", refused(400), hosts("Host: {host}\r\n", "Host: evil.test\r\n")),
		one("Host with a path", refused(400), hosts("Host: {host}/x\r\n")),
		one("Host with a blank", refused(400), hosts("Host: {host} x\r\n")),
		one("Host with userinfo", refused(400), hosts("Host: u@{host}\r\n")),
		one("Host with a comma", refused(400), hosts("Host: {host},evil.test\r\n")),
		one("Host with a NUL", refused(400), hosts("Host: {host}\x00\r\n")),
	)...)

	named := func(want Verdict, names ...string) []Case {
		var cases []Case
		for _, n := range names {
			t := Try{Raw: "POST /v1/messages HTTP/1.1\r\nHost: " + n + "\r\n" + before + "\r\nContent-Length: 2\r\n\r\n{}"}
			if want.Kind == Served {
				t.Keep, t.Body, t.Exactly = []string{before}, "{}", true
			}
			cases = append(cases, one("Host "+n, want, t))
		}
		return cases
	}
	// DNS rebinding: a browser's page whose name was made to point at loopback.
	all = append(all, row(71, named(refused(421), "evil.test", "evil.test:{port}", "localhost.evil.test", "127.0.0.1.evil.test",
		"localhost.", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "[::ffff:127.0.0.1]", "{upstreamname}", "192.168.7.7:{port}")...)...)
	all = append(all, row(83, named(served, "127.0.0.1:{port}", "LOCALHOST:{port}", "localhost", "[::1]:{port}", "127.0.0.1:9", "proxy.test")...)...)

	browser := func(name string, lines ...string) Case {
		return Case{Name: name, Want: answered(403), Tries: []Try{{Raw: post("/v1/messages", lines...)}, {Raw: get("/v1/models", lines...)}}}
	}
	all = append(all, row(89,
		browser("Origin of another site", "Origin: http://evil.test"),
		browser("Origin null", "Origin: null"),
		browser("Origin of another port here", "Origin: http://localhost:3000"),
		one("a preflight", answered(403), Try{Raw: request("OPTIONS", "/v1/messages", "", "Origin: http://evil.test",
			"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization")}),
		browser("Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: cross-site"),
		browser("Sec-Fetch-Site: same-site", "Sec-Fetch-Site: same-site"),
		browser("an opaque request from another site", "Referer: http://evil.test/page", "Sec-Fetch-Mode: no-cors"),
	)...)
	return append(all, row(96, Case{Name: "a WebSocket from another site", Role: Tunnel, Want: answered(403), Tries: []Try{
		{Raw: handshake("/v1/realtime", "Origin: http://evil.test")}}})...)
}

// clientHello is the beginning of a TLS 1.2 record as a browser sends it.
const clientHello = "\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" +
	"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f" +
	"\x00\x00\x04\x13\x01\x13\x02\x01\x00"

// handshake is a WebSocket handshake (RFC 6455 section 4.1).
func handshake(target string, lines ...string) string {
	return get(target, append([]string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}, lines...)...)
}

// noCORS fails for a reply that invites a browser in.
func noCORS(r Reply) error {
	for _, f := range r.Fields {
		if strings.HasPrefix(fold(f.Name), "access-control-") {
			return errors.New("the reply has " + f.Name)
		}
	}
	return nil
}

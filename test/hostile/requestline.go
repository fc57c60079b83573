package hostile

import "strings"

// requestLine is the rows H001 to H044.
func requestLine() []Case {
	var all []Case
	refuse := func(first int, want Verdict, targets ...string) {
		var cases []Case
		for _, t := range targets {
			cases = append(cases, one("target "+t, want, Try{Raw: get(t)}))
		}
		all = append(all, row(first, cases...)...)
	}

	// Absolute form: the one way in which HTTP/1.1 names another host.
	all = append(all, row(1,
		Case{Name: "absolute form of another host", Want: refused(400), Tries: []Try{
			{Raw: get("http://evil.test/v1")}, {Raw: get("http://127.0.0.1:{trap}/v1")},
			{Raw: post("http://127.0.0.1:{trap}/v1/messages")}}},
		one("absolute form, https", refused(400), Try{Raw: get("https://evil.test/v1")}),
		one("absolute form of the upstream", refused(400), Try{Raw: get("http://{upstream}/v1")}),
		one("absolute form of our own URL", refused(400), Try{Raw: get("http://{host}/v1")}),
		one("absolute form, ws", refused(400), Try{Raw: get("ws://evil.test/v1")}),
		one("absolute form, file", refused(400), Try{Raw: get("file:///etc/passwd")}),
		one("absolute form with userinfo", refused(400), Try{Raw: get("http://u:p@evil.test/")}),
	)...)
	refuse(8, refused(400), `//evil.test/v1`, `///evil.test/v1`, `/\evil.test/v1`, `\\evil.test\v1`)
	all = append(all, row(12,
		one("authority form with GET", refused(400), Try{Raw: get("evil.test:443")}),
		one("a bare host as target", refused(400), Try{Raw: get("evil.test")}),
		one("asterisk with GET", refused(400), Try{Raw: get("*")}),
		one("asterisk with OPTIONS", refused(400), Try{Raw: request("OPTIONS", "*", "")}),
	)...)
	all = append(all, row(16,
		Case{Name: "CONNECT to another host", Want: refused(405), Tries: []Try{
			{Raw: "CONNECT evil.test:443 HTTP/1.1\r\nHost: {host}\r\n\r\n"},
			{Raw: "CONNECT 127.0.0.1:{trap} HTTP/1.1\r\nHost: {host}\r\n\r\n"}}},
		one("CONNECT with a path", refused(405), Try{Raw: request("CONNECT", "/v1", "")}),
		one("TRACE", refused(405), Try{Raw: request("TRACE", "/v1", "", "Authorization: Bearer {canary}")}),
		one("TRACK", refused(405), Try{Raw: request("TRACK", "/v1", "")}),
	)...)
	refuse(20, refused(400), `/v1/../x`, `/v1/./x`, `/v1/%2e%2e/x`, `/v1/.%2E/x`, `/v1/..%2fx`, `/v1/%2e%2e%2fx`, `/v1/..;/x`, `/..`)
	refuse(28, refused(400), "/v1/%00", "/v1/%0d%0aX:1", "/v1/%zz", "/v1/%", "/v1/\x80", "/v1/\u00e9", "/v1/\tx", "/v1#frag", "/v1?a#b")

	pass := func(first int, targets ...string) {
		var cases []Case
		for _, t := range targets {
			cases = append(cases, Case{Name: "target " + t, Want: passed, Tries: []Try{
				{Raw: post(t), Target: t, Keep: arrived, Body: body, Exactly: true},
				{Raw: get(t), Target: t, Keep: arrived, Exactly: true}}})
		}
		all = append(all, row(first, cases...)...)
	}
	pass(37, `/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.x/converse`, `/model/a%253Ab/converse`,
		`/a//b`, `/v1?`, `/v1??a`, `/v1?a=..%2f..`, `/v1;p=1`)

	return append(all, row(44,
		one("method in lower case", refused(400, 501), Try{Raw: request("get", "/v1", "")}),
		one("unknown method", refused(400, 501), Try{Raw: request("FOO", "/v1", "")}),
		one("method with a blank", refused(400, 501), Try{Raw: request("GE T", "/v1", "")}),
		one("method of 4 KiB", refused(400, 414, 431, 501), Try{Raw: request(strings.Repeat("A", 4096), "/v1", "")}),
	)...)
}

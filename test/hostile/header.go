package hostile

import (
	"strings"
)

// headerSyntax is the rows H500 to H529.
func headerSyntax() []Case {
	line := func(name, l string) Case { return one(name, refused(400), Try{Raw: post("/v1/messages", l)}) }
	all := row(500,
		line("a name with a blank", "X Bad: v"),
		line("a name with a tab", "X\tBad: v"),
		line("a name with NUL", "X\x00Bad: v"),
		line("a name with (", "X(Bad: v"),
		line(`a name with "`, `X"Bad: v`),
		line("a name with @", "X@Bad: v"),
		line("a name with {", "X{Bad: v"),
		line("a name with 0x80", "X\x80Bad: v"),
		line("a name in UTF-8", "X-Bäd: v"),
		line("an empty name", ": v"),
		line("a line without a colon", "X-Bad v"),
		line("a line of a colon", ":"),
	)
	all = append(all, row(512,
		line("a value with a bare CR", "X-V: a\rAuthorization: {canary}"),
		line("a value with a bare LF", "X-V: a\nAuthorization: {canary}"),
		line("a value with NUL", "X-V: a\x00b"),
		line("a value with DEL", "X-V: a\x7fb"),
		line("a value with ESC", "X-V: a\x1b[31mb"),
	)...)
	all = append(all, row(517,
		one("a harmless header on a folded line", refused(400), Try{Raw: post("/v1/messages", "X-V: a\r\n b")}),
		Case{Name: "the first header line begins with a blank", Want: refused(400), Tries: []Try{
			{Raw: "GET /v1 HTTP/1.1\r\n Host: {host}\r\n\r\n"},
			{Raw: "GET /v1 HTTP/1.1\r\n X: y\r\nHost: {host}\r\n\r\n"}}},
	)...)

	bare := strings.ReplaceAll(post("/v1/messages"), "\r\n", "\n")
	all = append(all, row(519,
		one("bare LF as line end everywhere", normalised, Try{Raw: bare, Body: body}),
		one("LF CR as line end", normalised, Try{Raw: strings.ReplaceAll(post("/v1/messages"), "\r\n", "\n\r"), Body: body}),
		one("an empty line before the request", normalised, Try{Raw: "\r\n" + post("/v1/messages"), Body: body}),
		one("two empty lines before the request", normalised, Try{Raw: "\r\n\r\n" + post("/v1/messages"), Body: body}),
		one("1,000 empty lines before the request", normalised, Try{Raw: strings.Repeat("\r\n", 1000) + post("/v1/messages"), Body: body}),
	)...)

	large := "X-Large: " + strings.Repeat("v", 16<<10)
	tooLarge := refused(400, 414, 431)
	all = append(all, row(524,
		one("a header of 16 KiB", passed, Try{Raw: post("/v1/messages", large), Keep: []string{arrived[0], large, arrived[1]}, Body: body, Exactly: true}),
		one("a header block of 1 MiB and a byte", tooLarge, Try{Raw: post("/v1/messages", strings.TrimSuffix(strings.Repeat("X-Block: "+strings.Repeat("v", 1013)+"\r\n", 1024), "\r\n")+"v")}),
		one("10,000 header lines", tooLarge, Try{Raw: post("/v1/messages", strings.TrimSuffix(strings.Repeat("X: y\r\n", 10_000), "\r\n"))}),
		one("a header name of 64 KiB", tooLarge, Try{Raw: post("/v1/messages", strings.Repeat("N", 64<<10)+": v")}),
		one("a target of 64 KiB", tooLarge, Try{Raw: get("/" + strings.Repeat("t", 64<<10))}),
	)...)

	stainless := []string{"X-Stainless-Lang: js", "X-Stainless-Retry-Count: 0", "X-Stainless-Runtime-Version: v20.20.0"}
	return append(all, row(529,
		one("x_request_id", passed, Try{Raw: post("/v1/messages", "x_request_id: 1-a"), Keep: []string{arrived[0], "x_request_id: 1-a", arrived[1]}, Body: body, Exactly: true}),
		one("X-Stainless-*", passed, Try{Raw: post("/v1/messages", stainless...), Keep: append(append([]string{arrived[0]}, stainless...), arrived[1]), Body: body, Exactly: true}),
	)...)
}

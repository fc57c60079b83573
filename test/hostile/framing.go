package hostile

import (
	"fmt"
	"strings"
)

// framing is the rows H430 to H490.
func framing() []Case {
	var all []Case
	raw := func(method string, headers []string, rest string) string {
		return method + " /v1/messages HTTP/1.1\r\nHost: {host}\r\n" + before + "\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n" + rest
	}
	smuggled := "GET /v1/smuggled HTTP/1.1\r\nHost: {host}\r\nX-Smuggled: {canary}\r\n\r\n"

	// Where a try names a body, that body is what RFC 9112 section 6.3 gives;
	// being refused is as good.
	both := func(name, method, first, second, rest, want string) Case {
		return one(name, normalised, Try{Raw: raw(method, []string{first, second}, rest), Body: want})
	}
	te := "Transfer-Encoding: chunked"
	all = append(all, row(430,
		both("CL.TE, POST", "POST", fmt.Sprintf("Content-Length: %d", 5+len(smuggled)), te, "0\r\n\r\n"+smuggled, ""),
		both("TE.CL, POST", "POST", te, "Content-Length: 4", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled), smuggled),
		both("CL.TE, GET", "GET", "Content-Length: 6", te, "0\r\n\r\nX"+smuggled, ""),
		both("TE.CL, GET", "GET", te, fmt.Sprintf("Content-Length: %d", 5+len(smuggled)), "0\r\n\r\n"+smuggled, ""),
	)...)

	coding := func(name string, version string, lines ...string) Case {
		return one("Transfer-Encoding "+name, normalised, Try{
			Raw: strings.Replace(raw("POST", lines, chunks(body)+"0\r\n\r\n"+smuggled), "HTTP/1.1", version, 1), Body: "-"})
	}
	all = append(all, row(434,
		coding("xchunked", "HTTP/1.1", "Transfer-Encoding: xchunked"),
		coding("chunked, identity", "HTTP/1.1", "Transfer-Encoding: chunked, identity"),
		coding("identity, chunked", "HTTP/1.1", "Transfer-Encoding: identity, chunked"),
		coding("gzip, chunked", "HTTP/1.1", "Transfer-Encoding: gzip, chunked"),
		coding("chunked, chunked", "HTTP/1.1", "Transfer-Encoding: chunked, chunked"),
		coding("in quotes", "HTTP/1.1", `Transfer-Encoding: "chunked"`),
		coding("with a parameter", "HTTP/1.1", "Transfer-Encoding: chunked;x"),
		Case{Name: "Transfer-Encoding after VT or FF", Want: normalised, Tries: []Try{
			{Raw: raw("POST", []string{"Transfer-Encoding: \vchunked"}, chunks(body)+"0\r\n\r\n"+smuggled), Body: "-"},
			{Raw: raw("POST", []string{"Transfer-Encoding: \fchunked"}, chunks(body)+"0\r\n\r\n"+smuggled), Body: "-"}}},
		one("Transfer-Encoding Chunked", served, Try{Raw: raw("POST", []string{"Transfer-Encoding: Chunked"}, chunks(body)+"0\r\n\r\n"), Keep: []string{before}, Body: body, Exactly: true}),
		coding("twice", "HTTP/1.1", te, te),
		coding("on HTTP/1.0", "HTTP/1.0", te),
	)...)

	all = append(all, row(445,
		one("Transfer_Encoding", normalised, Try{Raw: raw("POST", []string{"Transfer_Encoding: chunked"}, "0\r\n\r\n"+smuggled)}),
		one("Transfer-Encoding with a blank before the colon", normalised, Try{Raw: raw("POST", []string{"Transfer-Encoding : chunked"}, "0\r\n\r\n"+smuggled)}),
		one("Transfer-Encoding behind a bare LF", normalised, Try{Raw: raw("POST", []string{"X: y\nTransfer-Encoding: chunked"}, "0\r\n\r\n"+smuggled), Body: "-"}),
		Case{Name: "a folded Transfer-Encoding", Want: normalised, Tries: []Try{
			{Raw: raw("POST", []string{"Transfer-Encoding:\r\n chunked"}, "0\r\n\r\n"+smuggled), Body: "-"},
			{Raw: raw("POST", []string{"X: y\r\n Transfer-Encoding: chunked"}, "0\r\n\r\n"+smuggled), Body: "-"}}},
	)...)

	length := func(name string, want Verdict, payload string, lines ...string) Case {
		return one("Content-Length "+name, want, Try{Raw: raw("POST", lines, "01234"+smuggled), Body: payload})
	}
	single := func(v string) Case { return length(v, refused(400), "", "Content-Length: "+v) }
	all = append(all, row(449,
		length("twice, equal", normalised, "01234", "Content-Length: 5", "Content-Length: 5"),
		length("twice, different", refused(400), "", "Content-Length: 5", "Content-Length: 6"),
		length("5, 5", normalised, "01234", "Content-Length: 5, 5"),
		single("5, 6"), single("+5"), single("-1"), single("0x5"), single("5 5"), single("5.0"), single(""),
		length("00005", normalised, "01234", "Content-Length: 00005"),
		single("9223372036854775808"), single("18446744073709551621"), single(strings.Repeat("9", 40)),
	)...)
	all = append(all, row(463,
		one("Content_Length beside none", normalised, Try{Raw: raw("POST", []string{"Content_Length: 5"}, ""), Body: ""}),
		one("Content_Length beside a true one", normalised, Try{Raw: raw("POST", []string{"Content_Length: 99", "Content-Length: 5"}, "01234"), Body: "01234"}),
	)...)

	var bodies []Case
	for _, m := range []string{"GET", "HEAD", "DELETE", "OPTIONS"} {
		bodies = append(bodies,
			one(m+" with a body by length", passed, Try{Raw: raw(m, []string{"Content-Length: 5"}, "01234"), Keep: []string{before}, Body: "01234", Exactly: true}),
			one(m+" with a chunked body", passed, Try{Raw: raw(m, []string{te}, chunks("012", "34")+"0\r\n\r\n"), Keep: []string{before}, Body: "01234", Exactly: true}))
	}
	all = append(all, row(465, bodies...)...)
	return append(append(append(all, row(473, chunkSizes(raw, smuggled)...)...), row(485, chunkData(raw, smuggled)...)...), row(490, trailers()...)...)
}

// chunkSizes are the odd ways to write the size of a chunk of five bytes.
func chunkSizes(raw func(string, []string, string) string, smuggled string) []Case {
	sized := func(name, chunk, want string) Case {
		return one("chunk size "+name, normalised, Try{
			Raw: raw("POST", []string{"Transfer-Encoding: chunked"}, chunk+"0\r\n\r\n"+smuggled), Body: want, Broken: true})
	}
	extension := strings.Repeat("5;"+strings.Repeat("e", 1000)+"\r\n01234\r\n", 1<<20/1000)
	return []Case{
		sized("0x5", "0x5\r\n01234\r\n", "-"),
		sized("+5", "+5\r\n01234\r\n", "-"),
		sized("-1", "-1\r\n01234\r\n", "-"),
		sized("5 and a blank", "5 \r\n01234\r\n", "01234"),
		sized("with an extension", "5;ext\r\n01234\r\n", "01234"),
		sized("with LF in an extension", "5;ext=\"\n\"\r\n01234\r\n", "-"),
		sized("of 17 digits", "00000000000000005\r\n01234\r\n", "01234"),
		sized("2^64", "10000000000000000\r\n01234\r\n", "-"),
		sized("empty", "\r\n01234\r\n", "-"),
		sized("ended by a bare LF", "5\n01234\r\n", "-"),
		sized("ended by CR only", "5\r01234\r\n", "-"),
		sized("with 1 MiB of extensions", extension, strings.Repeat("01234", 1<<20/1000)),
	}
}

// chunkData are bodies that do not fit their chunk sizes.
func chunkData(raw func(string, []string, string) string, smuggled string) []Case {
	te := []string{"Transfer-Encoding: chunked"}
	return []Case{
		one("chunk data longer than its size", normalised, Try{Raw: raw("POST", te, "5\r\n0123456789\r\n0\r\n\r\n"), Body: "-", Broken: true}),
		one("chunk data shorter than its size", normalised, Try{Raw: raw("POST", te, "9\r\n01234\r\n0\r\n\r\n"), Body: "-", Broken: true, Leave: true}),
		one("no last chunk", normalised, Try{Raw: raw("POST", te, "5\r\n01234\r\n"), Body: "-", Broken: true, Leave: true}),
		one("no final CRLF", normalised, Try{Raw: raw("POST", te, "5\r\n01234\r\n0\r\n"), Body: "-", Broken: true, Leave: true}),
		// What looks like a request behind the last chunk is the next request, and
		// goes through every check: this one names another host.
		{Name: "a foreign request behind the last chunk", Want: normalised, Run: func(s *Session) error {
			return s.pipeline([]string{raw("POST", te, "5\r\n01234\r\n0\r\n\r\n"), strings.Replace(smuggled, "{host}", "evil.test", 1)},
				[]int{200, 421}, []string{"/v1/messages"})
		}},
	}
}

func trailers() []Case {
	t := func(name string, lines ...string) Case {
		return one("trailer "+name, normalised, Try{Raw: chunked("/v1/messages", nil, lines), Body: body, Broken: true,
			Check: func(r Request) error {
				for _, f := range r.Trailers {
					switch fold(f.Name) {
					case "content-length", "transfer-encoding", "host":
						return fmt.Errorf("the trailer %s arrived", f.Name)
					}
				}
				return nil
			}})
	}
	return []Case{
		t("Content-Length", "Content-Length: 3"),
		t("Transfer-Encoding", "Transfer-Encoding: chunked"),
		t("Host", "Host: evil.test"),
		t("×1,000", strings.Split(strings.TrimSuffix(strings.Repeat("X-T: v\n", 1000), "\n"), "\n")...),
	}
}

package relay

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
)

// FuzzRequest is the differential target: whatever relay accepts, net/http accepts
// with the same meaning, and takes the same bytes for it.
func FuzzRequest(f *testing.F) {
	for _, c := range refusals {
		if len(c.input) < 2000 {
			f.Add([]byte(c.input))
		}
	}
	f.Add([]byte(get))
	f.Add([]byte(upgrade))
	f.Add([]byte(chunkedHead + "5\r\nhello\r\n0\r\nA: b\r\n\r\nGET / HTTP/1.1\r\n"))
	f.Add([]byte("POST /v1/messages?a=b HTTP/1.0\r\nHost: [::1]:80\r\nContent-Length: 3\r\nConnection: x, close\r\nX: y\r\n\r\nabcrest"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var h Head
		var r request
		n, v := parseRequest(in, &h, &r, 1000)
		if n == 0 || v.bad() {
			return
		}
		br := bufio.NewReaderSize(bytes.NewReader(in), 64<<10)
		req, err := http.ReadRequest(br)
		if err != nil {
			t.Fatalf("net/http refuses it: %v", err)
		}
		if req.Method != string(h.Method) || req.RequestURI != string(h.Target) || req.ProtoMajor != 1 || req.ProtoMinor != h.Minor || req.Host != string(h.Host) {
			t.Fatalf("another request line: %v %q %q", req.Method, req.RequestURI, req.Host)
		}
		if req.URL.Scheme != "" || req.URL.Host != "" || req.URL.Fragment != "" {
			t.Fatalf("another target: %#v", req.URL)
		}
		sameFields(t, h.Fields, req.Header)
		switch {
		case h.Framing == Length && req.ContentLength != h.Length,
			h.Framing == NoBody && req.ContentLength != 0,
			(h.Framing == Chunked) != (len(req.TransferEncoding) == 1):
			t.Fatalf("another framing: %v %d, net/http %d %v", h.Framing, h.Length, req.ContentLength, req.TransferEncoding)
		}
		sameBody(t, h.Framing, h.Length, in[n:], req.Body, br)
		sameWhenWritten(t, &h, in[n:])
	})
}

// sameFields compares the end-to-end fields with those of net/http, which moves a
// few elsewhere.
func sameFields(t *testing.T, fields []Field, header http.Header) {
	t.Helper()
	got := http.Header{}
	for _, f := range fields {
		if k := kindOf(f.Name); k == kindOther || k == kindSocketKey || k == kindSocketVersion {
			name := textproto.CanonicalMIMEHeaderKey(string(f.Name))
			got[name] = append(got[name], string(f.Value))
		}
	}
	for name, values := range got {
		if strings.Join(values, "\x00") != strings.Join(header[name], "\x00") {
			t.Fatalf("%s: relay %q, net/http %q", name, values, header[name])
		}
	}
	for name := range header {
		if kindFolded([]byte(name)) == kindOther && got[name] == nil {
			t.Fatalf("relay has lost %s", name)
		}
	}
}

// sameBody compares data and end of a body, read in one piece and in many.
func sameBody(t *testing.T, framing Framing, length int64, in []byte, want io.Reader, br *bufio.Reader) {
	t.Helper()
	data, used, ok, done := readBody(framing, length, in, len(in)+1)
	for _, size := range []int{1, 7} {
		d, u, o, e := readBody(framing, length, in, size)
		if o != ok || e != done || ok && (!bytes.Equal(d, data) || u != used) {
			t.Fatalf("pieces of %d: %q %d %v %v, whole: %q %d %v %v", size, d, u, o, e, data, used, ok, done)
		}
	}
	if !ok || !done {
		return
	}
	b, err := io.ReadAll(want)
	if err != nil {
		t.Fatalf("net/http refuses the body: %v", err)
	}
	if !bytes.Equal(b, data) {
		t.Fatalf("another body: relay %q, net/http %q", data, b)
	}
	rest, _ := io.ReadAll(br)
	if !bytes.Equal(rest, in[used:]) {
		t.Fatalf("another end: relay leaves %q, net/http %q", in[used:], rest)
	}
}

// readBody follows and decodes a body in pieces of size.
func readBody(framing Framing, length int64, in []byte, size int) (data []byte, used int, ok, done bool) {
	b := body{trailer: func([]Field) {}, framing: framing, left: length}
	b.done.Store(framing == NoBody || framing == Length && length == 0)
	dec := decoder{framing: framing}
	for used < len(in) && !b.done.Load() {
		p := in[used:min(len(in), used+size)]
		out, n, ok := b.feed(p)
		if !ok {
			return data, used, false, false
		}
		for q := p[:out]; len(q) > 0; {
			k, isData := dec.next(q)
			if k == 0 {
				break
			}
			if isData {
				data = append(data, q[:k]...)
			}
			q = q[k:]
		}
		used += n
		if n < len(p) {
			break
		}
	}
	return data, used, true, b.done.Load()
}

// sameWhenWritten checks that what goes upstream is one request that net/http reads
// as the same.
func sameWhenWritten(t *testing.T, h *Head, in []byte) {
	t.Helper()
	u := NewUpstream(UpstreamOptions{Scheme: "https", Address: "upstream.test:443"})
	h.Add = []byte("X-Added: 1\r\n")
	out := appendRequest(nil, h, u, false)
	if bytes.Count(out, []byte("\r\n\r\n")) != 1 || bytes.Count(out, []byte("\n")) != bytes.Count(out, []byte("\r\n")) {
		t.Fatalf("not one head: %q", out)
	}
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(append(out, in...))))
	if err != nil {
		t.Fatalf("net/http refuses what is written: %v\n%q", err, out)
	}
	if req.Method != string(h.Method) || req.RequestURI != string(h.Target) || req.Host != "upstream.test" || req.Header.Get("X-Added") != "1" {
		t.Fatalf("another request is written: %q", out)
	}
	if h.Framing == Length && req.ContentLength != h.Length || (h.Framing == Chunked) != (len(req.TransferEncoding) == 1) {
		t.Fatalf("another framing is written: %q", out)
	}
	for _, f := range h.Fields {
		if k := kindOf(f.Name); f.Drop && (k == kindOther || k == kindHop) && req.Header[string(f.Name)] != nil {
			for _, g := range h.Fields {
				if !g.Drop && textproto.CanonicalMIMEHeaderKey(string(g.Name)) == string(f.Name) {
					return
				}
			}
			t.Fatalf("%s was to be dropped: %q", f.Name, out)
		}
	}
}

// FuzzReply is the same for an upstream's answers.
func FuzzReply(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
		"HTTP/1.1 200\r\ncontent-length: 2\r\nContent-Length: 2\r\n\r\nhirest",
		"HTTP/1.1 529 Overloaded\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: 1\r\n\r\nrest",
		"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nto the end",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\nContent-Length: 5\n\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var h ReplyHead
		var r response
		n, ok := parseResponse(in, &h, &r, 1000)
		if n == 0 || !ok || h.Status < 200 {
			return
		}
		br := bufio.NewReaderSize(bytes.NewReader(in), 64<<10)
		resp, err := http.ReadResponse(br, &http.Request{Method: "GET"})
		if err != nil {
			t.Fatalf("net/http refuses it: %v", err)
		}
		if resp.StatusCode != h.Status || resp.ProtoMinor != r.minor {
			t.Fatalf("another status: %d", resp.StatusCode)
		}
		sameFields(t, h.Fields, resp.Header)
		bodyless := h.Status == 204 || h.Status == 304
		data, used, ok, done := moveReply(&h, bodyless, 0, in[n:], len(in)+1)
		for _, minor := range []int{0, 1} {
			for _, size := range []int{1, 7, len(in) + 1} {
				d, u, o, e := moveReply(&h, bodyless, minor, in[n:], size)
				if o != ok || e != done || u != used && ok {
					t.Fatalf("HTTP/1.%d in pieces of %d: %d %v %v, whole: %d %v %v", minor, size, u, o, e, used, ok, done)
				}
				if minor == 0 && ok && !bytes.Equal(d, data) {
					t.Fatalf("pieces of %d: %q, whole: %q", size, d, data)
				}
				if minor == 1 && done && h.Framing == Chunked && !bodyless {
					plain, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(d)))
					if err != nil || !bytes.Equal(plain, data) {
						t.Fatalf("the client reads %q, %v, not %q", plain, err, data)
					}
				}
			}
		}
		if !ok || !done {
			return
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("net/http refuses the body: %v", err)
		}
		if !bytes.Equal(b, data) {
			t.Fatalf("another body: relay %q, net/http %q", data, b)
		}
		if rest, _ := io.ReadAll(br); h.Framing != UntilClose && !bytes.Equal(rest, in[n+used:]) {
			t.Fatalf("another end: relay leaves %q, net/http %q", in[n+used:], rest)
		}
	})
}

// moveReply is what the client gets of a reply's body.
func moveReply(h *ReplyHead, bodyless bool, minor int, in []byte, size int) (out []byte, used int, ok, done bool) {
	var m mover
	m.begin(h.Framing, h.Length, bodyless, minor)
	for used < len(in) && !m.done {
		p := append([]byte(nil), in[used:min(len(in), used+size)]...)
		n, k, ok := m.feed(p)
		out = append(out, p[:n]...)
		used += k
		if !ok {
			return out, used, false, false
		}
		if k < len(p) {
			break
		}
	}
	if m.done && m.section != nil && m.form == formPlain {
		fields, _, _ := parseTrailer(m.section, nil)
		out = append(appendFields(out, fields), "\r\n"...)
	}
	return out, used, true, m.done || m.framing == UntilClose
}

// FuzzChunks compares the chunk reader with net/http's in both strictnesses.
func FuzzChunks(f *testing.F) {
	for _, s := range []string{"5\r\nhello\r\n0\r\n\r\n", "A;x=\"y\"\r\n0123456789\r\n00\r\n", "5 \r\nhello\r\n0\r\n", "0 ;x\r\n", "fffffffffffffff\r\n", "10000000000000000\r\n"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, in []byte, lenient bool) {
		c := chunks{lenient: lenient}
		var data []byte
		used := 0
		for used < len(in) && c.state != chunkTrailer {
			n, isData, ok := c.step(in[used:])
			if !ok {
				return
			}
			if isData {
				data = append(data, in[used:used+n]...)
			}
			used += n
			if c.left < 0 {
				t.Fatal("negative size")
			}
		}
		if c.state != chunkTrailer {
			return
		}
		b, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(in[:used])))
		if err != nil || !bytes.Equal(b, data) {
			t.Fatalf("net/http reads %q, %v; relay %q", b, err, data)
		}
	})
}

// FuzzTarget: a target that is accepted means the same to a server that decodes it
// once, whether or not it takes backslashes and parameters for something.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{"/", "/v1/messages?x", "/a/%2e%2e/b", "/a..;b/c", "/%5c..%5c", "/a%2Fb", "//a", "/..;x=%2f", "/.%3b/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !checkTarget([]byte(s)) {
			return
		}
		u, err := url.ParseRequestURI(s)
		if err != nil {
			t.Fatalf("net/url refuses it: %v", err)
		}
		if u.Host != "" || u.Scheme != "" || u.User != nil {
			t.Fatalf("it names a host: %#v", u)
		}
		for _, part := range strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' || r == '\\' }) {
			bare, _, _ := strings.Cut(part, ";")
			if part == "." || part == ".." || bare == "." || bare == ".." {
				t.Fatalf("dot segment %q in %q", part, u.Path)
			}
		}
		if strings.ContainsFunc(u.Path, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
			t.Fatalf("control byte in %q", u.Path)
		}
	})
}

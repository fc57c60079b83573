package sandbox

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strings"
)

// maxHead bounds a request head; the vendors' front ends allow far less.
const maxHead = 1 << 20

// errTooLarge: the body is over the endpoint's limit.
var errTooLarge = errors.New("request body too large")

// request is one request as it came off the wire.
type request struct {
	endpoint Endpoint
	host     Host
	head     []byte // raw, with the line ends, without the blank line
	method   string
	target   string // as written on the request line
	path     string // raw path, still escaped
	query    url.Values
	rawQuery string
	header   http.Header
	hostname string // Host header
	proto    string
	length   int64 // -1: chunked
	body     []byte
	bodyLen  int64
	trailer  http.Header
	tooLarge bool
	tls      bool
	conn     int64
	close    bool
	identity string // set by the handler that recognised one
}

// readHead reads up to the blank line and parses strictly: what net/http refuses
// is refused, and more.
func readHead(br *bufio.Reader) (*request, error) {
	var head []byte
	for {
		line, err := br.ReadSlice('\n')
		head = append(head, line...)
		if errors.Is(err, bufio.ErrBufferFull) && len(head) <= maxHead {
			continue
		}
		if err != nil {
			if len(head) == 0 {
				return nil, err
			}
			return &request{head: head}, fmt.Errorf("head cut short: %w", err)
		}
		if len(head) > maxHead {
			return &request{head: head}, errors.New("head too large")
		}
		if len(head) > 2 && bytes.HasSuffix(head, []byte("\n\r\n")) || bytes.HasSuffix(head, []byte("\n\n")) {
			break
		}
	}
	r := &request{head: bytes.TrimSuffix(head, []byte("\r\n"))}
	parsed, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return r, err
	}
	return r, r.take(parsed)
}

func (r *request) take(parsed *http.Request) error {
	r.method, r.target, r.proto = parsed.Method, parsed.RequestURI, parsed.Proto
	r.header, r.hostname, r.close = parsed.Header, parsed.Host, parsed.Close
	r.query, r.rawQuery = parsed.URL.Query(), parsed.URL.RawQuery
	r.path, _, _ = strings.Cut(parsed.RequestURI, "?")
	if !strings.HasPrefix(r.path, "/") {
		return errors.New("target is not in origin form")
	}
	r.length = parsed.ContentLength
	if len(parsed.TransferEncoding) > 0 {
		r.length = -1
	}
	return strict(r.head)
}

// readBody reads the whole body, keeping at most limit bytes.
func (r *request) readBody(br *bufio.Reader, limit int64) error {
	src := io.LimitReader(br, r.length)
	chunked := r.length < 0
	if chunked {
		src = httputil.NewChunkedReader(br)
	}
	if r.length > limit {
		r.tooLarge = true
		return errTooLarge
	}
	buf := bytes.NewBuffer(r.body) // may hold the first byte already
	if r.length > 0 {
		buf.Grow(int(r.length))
	}
	if _, err := io.Copy(buf, io.LimitReader(src, limit+1)); err != nil {
		r.body, r.bodyLen = buf.Bytes(), int64(buf.Len())
		return err
	}
	r.body, r.bodyLen = buf.Bytes(), int64(buf.Len())
	if r.bodyLen > limit {
		r.tooLarge = true
		return errTooLarge
	}
	if !chunked {
		if r.bodyLen < r.length {
			return io.ErrUnexpectedEOF
		}
		return nil
	}
	trailer, err := textproto.NewReader(br).ReadMIMEHeader()
	r.trailer = http.Header(trailer)
	return err
}

// contentType is the media type without parameters, lower case.
func (r *request) contentType() string {
	t, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(t))
}

func (r *request) digest() string {
	sum := sha256.Sum256(r.body)
	return hex.EncodeToString(sum[:])
}

// lines are the raw header lines, without line ends and without the request line.
func (r *request) lines() []string {
	lines := strings.Split(strings.TrimRight(string(r.head), "\r\n"), "\n")
	out := make([]string, 0, len(lines))
	for _, l := range lines[1:] {
		out = append(out, strings.TrimSuffix(l, "\r"))
	}
	return out
}

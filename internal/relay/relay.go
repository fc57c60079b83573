// Package relay is the data path, the only engine: a strict HTTP/1.1 reader of raw
// heads, framing, a pool of verified upstream TLS connections, flushing, tunnels
// after 101, and bounds. It knows no credential and decides nothing: a [Policy]
// edits and routes heads, relay moves bytes without rebuilding them.
//
// One goroutine for each client connection drives request and reply. Byte slices
// in [Head] and [ReplyHead] point into pooled buffers and are valid until
// [Policy.Done] returns.
package relay

import (
	"context"
	"net"
	"time"
)

// Field is one header line. Relay writes Name, ": ", Value, CRLF in order for
// every field that is not dropped.
type Field struct {
	Name, Value []byte
	Drop        bool
}

// Framing is how a body is delimited (RFC 9112 section 6).
type Framing int

// The framings of a body.
const (
	NoBody     Framing = iota
	Length             // Content-Length
	Chunked            // Transfer-Encoding: chunked
	UntilClose         // replies only
)

// Head is a request head: as it came when the policy gets it, as it will be
// written when the policy returns. Framing, Host and hop-by-hop fields are
// relay's: it has checked and dropped them, and writes its own.
type Head struct {
	Method []byte
	Target []byte // origin-form, raw; the policy may replace it
	Host   []byte // as the client sent it
	Minor  int    // of HTTP/1.Minor
	Fields []Field
	// Add is written verbatim after Fields: whole lines with CRLF, prebuilt.
	Add []byte

	Framing Framing
	Length  int64 // for Length

	Upgrade []byte // the protocol of a well-formed upgrade request, else nil
	Local   net.Addr
	Remote  net.Addr
	Attempt int // 0, then 1 when the policy asked for once more
	Data    any // the policy's own, kept from Request to Done

	conn *clientConn
}

// Reply is an answer that the policy or relay makes itself.
type Reply struct {
	Status  int
	Fields  []Field
	Body    []byte
	Close   bool   // the client's connection ends after it
	Refused string // reason, for metrics and the access log; empty for an ordinary answer
}

// ReplyHead is the head of an upstream's answer; the policy may drop fields and
// replace values.
type ReplyHead struct {
	Status  int
	Reason  []byte
	Fields  []Field
	Framing Framing
	Length  int64
}

// Verdict is what happens with an upstream's answer.
type Verdict int

// Pass hands the answer on; Again drops it and calls Policy.Request once more
// with the head as it came, Attempt 1. Again needs a kept body: see Head.Kept.
const (
	Pass Verdict = iota
	Again
)

// Fault is a failure that relay found; the policy words the answer.
type Fault struct {
	Status     int    // 400, 408, 413, 414, 417, 431, 501, 502, 503, 505
	Reason     string // constant phrase, fit for metrics: "bad-request-line", "upstream-dial", ...
	RetryAfter time.Duration
	Err        error // for the debug log only; never shown to the client
}

// Summary is what Policy.Done learns of a finished request.
type Summary struct {
	Status    int // 0 when no head was sent to the client
	BytesIn   int64
	BytesOut  int64
	Start     time.Time
	FirstByte time.Duration // from Start to the reply's head, 0 for none
	Total     time.Duration
	Broken    bool   // cut before its end
	Refused   string // reason of a refusal, empty for none
	Upstream  bool   // a byte of the request was written upstream
}

// Policy decides on requests. Its methods are called from many goroutines, those
// for one request from one goroutine, in order: Request, Response (each possibly
// twice) and Done; Fault wherever relay fails.
type Policy interface {
	// Request edits h and names the upstream, or answers at once.
	Request(ctx context.Context, h *Head) (*Upstream, *Reply)
	// Response may edit r; 1xx answers but 101 are passed without asking.
	Response(ctx context.Context, h *Head, r *ReplyHead) Verdict
	// Fault words relay's own failure; h is nil when no head could be read.
	Fault(h *Head, f Fault) *Reply
	// Done is called once for each request that had a readable head, and for
	// each refused head with h nil.
	Done(h *Head, s Summary)
}

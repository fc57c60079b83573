// Package relay is the data path, the only engine: a strict HTTP/1.1 reader of raw
// heads, framing, a pool of verified upstream TLS connections, flushing, tunnels
// after 101, and bounds. It knows no credential and decides nothing: a [Policy]
// edits and routes heads, relay moves bytes without rebuilding them.
//
// One goroutine for each client connection drives request and reply; a second one
// exists only while a body that did not come whole with its head is uploaded.
//
// # Who checks what
//
// Relay refuses by itself, with [Policy.Fault] for the words, whatever is wrong or
// ambiguous in syntax, framing or size: the request line (one SP, a token as the
// method, an origin-form target of printable ASCII), dot segments raw or encoded,
// broken escapes, encoded NUL, CR and LF, fragments, versions but HTTP/1.0 and 1.1,
// bare CR or LF, folded lines, names that are not tokens, control bytes in values,
// a Host that is missing, doubled, empty or not a host, Content-Length that is
// doubled or not plain digits, Transfer-Encoding that is not exactly chunked,
// expectations but 100-continue, and everything beyond the bounds of [Options].
//
// CONNECT is refused here too (405): its framing is another protocol's. After a
// refusal by relay the connection is closed; so it is after a Reply with Close.
//
// The policy decides about what is well formed: which other methods and which
// paths are served, which Host values, origins and clients are allowed, which
// fields, parameters and trailers are credentials, and what is injected.
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
// written when the policy returns.
//
// Fields holds every line in the client's order. Those that are relay's (Host,
// framing, Expect, hop-by-hop fields, what Connection nominates, and all of these
// with _ for -) are already marked Drop and stay so whatever the policy does:
// relay writes its own. The policy may look at them.
//
// The slices point into pooled memory: they are valid until Response returns for
// a final answer (in Done only Data, Local, Remote and Attempt are left; Method,
// Target and the rest are nil), and must not be written into. A policy replaces
// slices, it does not edit bytes.
type Head struct {
	Method []byte
	Target []byte // origin-form, raw; the policy may replace it
	Host   []byte // as the client sent it: a valid host with an optional port
	Minor  int    // of HTTP/1.Minor
	Fields []Field
	// Add is written verbatim after Fields: whole lines with CRLF, prebuilt. It
	// is empty with some room when Request is called, so append does not allocate.
	Add []byte

	Framing Framing
	Length  int64 // for Length

	// Upgrade is the protocol of a well-formed upgrade request (a WebSocket
	// handshake), else nil. Left in place it goes upstream, and a 101 makes a
	// tunnel; set to nil the request goes upstream without it.
	Upgrade []byte

	Local   net.Addr
	Remote  net.Addr
	Attempt int // 0, then 1 when the policy asked for once more
	Data    any // the policy's own, kept from Request to Done

	conn *clientConn
}

// Reply is an answer that the policy or relay makes itself. Relay writes Date,
// Content-Length and Connection; the body is left out for HEAD.
type Reply struct {
	Status  int
	Fields  []Field
	Body    []byte
	Close   bool   // the client's connection ends after it
	Refused string // reason, for metrics and the access log; empty for an ordinary answer
}

// ReplyHead is the head of an upstream's answer; the policy may drop fields,
// replace values and add lines. Hop-by-hop and framing fields are marked Drop
// already and stay so.
type ReplyHead struct {
	Status  int
	Reason  []byte
	Fields  []Field
	Add     []byte // whole lines with CRLF, written after Fields
	Framing Framing
	Length  int64
}

// Verdict is what happens with an upstream's answer.
type Verdict int

// Pass hands the answer on; Again drops it and calls Policy.Request once more
// with the head as it came, Attempt 1. Again where [Head.Kept] is false, or at
// Attempt 1, counts as Pass.
const (
	Pass Verdict = iota
	Again
)

// Fault is a failure that relay found; the policy words the answer.
type Fault struct {
	Status     int    // 400, 405, 408, 413, 414, 417, 431, 500, 501, 502, 503, 504, 505
	Reason     string // one of the Reason constants, fit for metrics
	RetryAfter time.Duration
	Err        error // for the debug log only; never shown to the client
}

// Summary is what Policy.Done learns of a finished request.
type Summary struct {
	Status    int   // 0 when no head was sent to the client
	BytesIn   int64 // of the request's body, framing included
	BytesOut  int64 // of the reply's body, framing included
	Start     time.Time
	FirstByte time.Duration // from Start to the reply's head, 0 for none
	Total     time.Duration
	Broken    bool   // cut before its end
	Refused   string // reason of a refusal, empty for none
	Upstream  bool   // a byte of the request was written upstream
}

// Policy decides on requests. Its methods are called from many goroutines; those
// for one request from one goroutine, in order: Request, Response (each possibly
// twice, Response also for each 1xx), ReplyTrailer, Done; Fault wherever relay
// fails. RequestTrailer alone may run beside them.
type Policy interface {
	// Request edits h and names the upstream, or answers at once. ctx ends when
	// the client leaves or the drain is over.
	Request(ctx context.Context, h *Head) (*Upstream, *Reply)
	// Response may edit r. It is called for informational heads (1xx) too; the
	// verdict counts for final ones only.
	Response(ctx context.Context, h *Head, r *ReplyHead) Verdict
	// RequestTrailer drops or replaces fields of a request's trailer section. The
	// forbidden ones (framing, Host, hop-by-hop) are dropped already.
	RequestTrailer(fields []Field)
	// ReplyTrailer does it for the answer's trailer section.
	ReplyTrailer(h *Head, fields []Field)
	// Fault words relay's own failure; h is nil when no head could be read. A nil
	// reply closes the connection without an answer.
	Fault(h *Head, f Fault) *Reply
	// Done is called once for each request that had a readable head, and for
	// each refused head with h nil.
	Done(h *Head, s Summary)
}

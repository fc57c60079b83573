package relay

// The reasons of a [Fault]. The set is closed, so that it can label a metric.
const (
	// Of the client's head or body: answered 4xx, 501 or 505, connection closed.
	ReasonRequestLine   = "bad-request-line"
	ReasonMethod        = "bad-method"
	ReasonTarget        = "bad-target"
	ReasonTargetLong    = "target-too-long" // 414
	ReasonVersion       = "bad-version"     // 505
	ReasonHost          = "bad-host"
	ReasonField         = "bad-field"
	ReasonFraming       = "bad-framing"
	ReasonExpect        = "bad-expect"       // 417
	ReasonHeaderLarge   = "header-too-large" // 431
	ReasonHeaderTimeout = "header-timeout"   // 408
	ReasonBody          = "bad-body"         // broken chunks, trailers, a body that ended early
	ReasonBodyLarge     = "body-too-large"   // 413, from Head.Buffer

	// Of our own bounds: answered 503 with RetryAfter.
	ReasonRequests = "too-many-requests"
	ReasonBuffer   = "buffer-used-up"

	// Of the upstream: answered 502, or 504 for the response header timeout.
	ReasonUpstreamDNS     = "upstream-dns"
	ReasonUpstreamDial    = "upstream-dial"
	ReasonUpstreamTLS     = "upstream-tls"
	ReasonUpstreamHTTP2   = "upstream-http2" // it refuses HTTP/1.1
	ReasonUpstreamProxy   = "upstream-proxy" // the HTTPS_PROXY in between, not the upstream
	ReasonUpstreamReset   = "upstream-reset" // ended before a reply's head
	ReasonUpstreamTimeout = "upstream-timeout"
	ReasonUpstreamReply   = "upstream-bad-reply" // syntax, framing or bounds of its reply

	// Of ours.
	ReasonPanic = "panic" // 500; the policy panicked
	// ReasonClientGone stands in Summary.Refused of a request whose client left
	// before an answer; nothing is written.
	ReasonClientGone = "client-gone"
)

package safehttp

// Kind says what failed.
type Kind string

// The kinds of failure.
const (
	Endpoint    Kind = "endpoint"    // the URL is not one that secrets go to
	DNS         Kind = "dns"         // the name could not be resolved
	Dial        Kind = "dial"        // no connection: refused, unreachable
	Certificate Kind = "certificate" // the server's certificate does not verify
	NoTLS       Kind = "no-tls"      // no TLS, none of 1.2 or later, or no HTTP/1.1 over it
	ClientCert  Kind = "client-cert" // the server demands a client certificate
	TLS         Kind = "tls"         // another failure of the handshake
	Proxy       Kind = "proxy"       // the HTTP proxy failed or refused
	ProxyAuth   Kind = "proxy-auth"  // the HTTP proxy wants other credentials
	Timeout     Kind = "timeout"     // a bound in time was reached
	Canceled    Kind = "canceled"    // the caller gave up
	Reset       Kind = "reset"       // the connection broke
	Truncated   Kind = "truncated"   // the answer ended before its end
	Protocol    Kind = "protocol"    // what came is not an HTTP/1.1 answer, or came unasked
	HeaderSize  Kind = "header-size" // too many header bytes or interim answers
	TooLarge    Kind = "too-large"   // the body is above the bound
	Encoding    Kind = "encoding"    // the body is compressed, which was not asked for
)

// Error is a failed request. Nothing in its text comes from a URL's query or user
// information, and what a server sent is scrubbed.
type Error struct {
	Kind   Kind
	Host   string // host and port that were spoken to
	Proxy  string // host and port of the HTTP proxy in between, empty without one
	Unsent bool   // no byte of the request was written
	Detail string // one printable line
	Hint   string // what to do about it, one line; empty when that is not known
	Err    error  // the cause, for errors.Is; not for printing
}

// Error renders the failure on one line.
func (e *Error) Error() string {
	s := e.Host
	if e.Proxy != "" {
		s += " through the proxy " + e.Proxy
	}
	if s != "" {
		s += ": "
	}
	return s + e.Detail
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable reports whether the same can succeed in a moment: what depends on
// certificates, versions, the URL or the caller does not.
func (e *Error) Retryable() bool {
	switch e.Kind {
	case Endpoint, Certificate, NoTLS, ClientCert, ProxyAuth, Canceled, TooLarge, Encoding:
		return false
	}
	return true
}

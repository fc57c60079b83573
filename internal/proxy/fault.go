package proxy

import (
	"time"

	"github.com/awf-cred/awf-cred/internal/relay"
)

// refusalOf words a failure that relay found. Relay's own error text stays out of
// it: it may hold addresses, and passwords of proxies.
func refusalOf(f relay.Fault) *Refusal {
	r := &Refusal{Status: f.Status, Reason: f.Reason, Close: true, RetryAfter: f.RetryAfter}
	switch {
	case f.Status == 405:
		return refusedMethod
	case f.Status >= 502 && f.Status <= 504 && f.Status != 503:
		r.Type, r.Message, r.Retryable = "upstream_error", upstreamMessage(f.Reason), retryable(f.Reason)
		r.Close = false
	case f.Status == 503:
		r.Type, r.Message, r.Retryable = "overloaded_error", busyMessage(f.Reason), true
		r.RetryAfter = max(r.RetryAfter, time.Second)
	case f.Status >= 500:
		r.Type, r.Message = "internal_error", "awf-cred failed"
		if f.Status == 501 || f.Status == 505 {
			r.Type, r.Message = "invalid_request_error", clientMessage(f)
		}
	default:
		r.Type, r.Message = "invalid_request_error", clientMessage(f)
	}
	return r
}

func upstreamMessage(reason string) string {
	switch reason {
	case relay.ReasonUpstreamProxy:
		return "the proxy in front of the upstream (HTTPS_PROXY) refused or failed"
	case relay.ReasonUpstreamTLS:
		return "no trusted TLS connection to the upstream"
	case relay.ReasonUpstreamHTTP2:
		return "the upstream does not speak HTTP/1.1"
	case relay.ReasonUpstreamTimeout:
		return "the upstream did not answer in time"
	case relay.ReasonUpstreamReply:
		return "the upstream's answer is not valid HTTP"
	case relay.ReasonUpstreamReset:
		return "the upstream ended the connection before it answered"
	}
	return "the upstream cannot be reached"
}

// retryable is false for what does not pass by itself.
func retryable(reason string) bool {
	return reason != relay.ReasonUpstreamTLS && reason != relay.ReasonUpstreamHTTP2
}

func busyMessage(reason string) string {
	if reason == relay.ReasonBuffer {
		return "too many request bodies are held at once; retry shortly"
	}
	return "too many requests at once; retry shortly"
}

func clientMessage(f relay.Fault) string {
	switch f.Reason {
	case relay.ReasonTarget:
		return "the request target must be a plain path"
	case relay.ReasonTargetLong:
		return "the request target is too long"
	case relay.ReasonMethod:
		return "this method is not known"
	case relay.ReasonVersion:
		return "only HTTP/1.1 and HTTP/1.0 are spoken here"
	case relay.ReasonHost:
		return "exactly one valid Host header is needed"
	case relay.ReasonField:
		return "a header line is malformed"
	case relay.ReasonFraming:
		return "the length of the body is ambiguous"
	case relay.ReasonExpect:
		return "the expectation cannot be met"
	case relay.ReasonHeaderLarge:
		return "the request's headers are too large"
	case relay.ReasonHeaderTimeout:
		return "the request's headers did not come in time"
	case relay.ReasonBody:
		return "the request's body is malformed or incomplete"
	case relay.ReasonBodyLarge:
		return "the request's body is too large to be signed"
	}
	return "the request is malformed"
}

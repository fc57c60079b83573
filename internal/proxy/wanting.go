package proxy

import (
	"context"
	"errors"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// retryShortly is when a client may ask again if nobody knows better: a waiting
// request makes the source try again 5 s after its last attempt.
const retryShortly = 5 * time.Second

// noCredential is the answer while there is no credential. Before the first one a
// final failure is 403: the set-up does not work. Afterwards it did, so 503.
//
// The type is the one that the sidecar of gh-aw-firewall uses for both.
func noCredential(err error, issued bool) *Refusal {
	r := &Refusal{Status: 503, Reason: ReasonCredential, Type: "provider_not_configured"}
	var e *exchange.Error
	known := errors.As(err, &e)
	if known {
		r.RetryAfter = e.RetryAfter
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled), known && e.Cause == exchange.Unavailable:
		r.Retryable, r.Message = true, "the credential is not available yet; retry shortly"
		r.RetryAfter = max(r.RetryAfter, time.Second)
		if !known || e.RetryAfter == 0 {
			r.RetryAfter = retryShortly
		}
		return r
	case known && e.Cause == exchange.Identity:
		r.Message = "there is no identity to exchange (in GitHub Actions: permissions id-token: write); see the log of awf-cred"
	case known && e.Cause == exchange.Refused:
		r.Message = "the token endpoint refused the exchange; see the log of awf-cred"
	case known && e.Cause == exchange.Usage:
		r.Message = "the configuration cannot work; see the log of awf-cred"
	default:
		r.Message = "there is no credential; see the log of awf-cred"
	}
	if !issued {
		r.Status = 403
	}
	return r
}

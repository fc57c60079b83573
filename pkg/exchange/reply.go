package exchange

import (
	"net/http"
	"net/url"
	"time"

	"github.com/awf-cred/awf-cred/internal/safehttp"
	"github.com/awf-cred/awf-cred/internal/scrub"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

const stepExchange = "exchange"

// Bounds of what is kept of a server's words, in characters.
const (
	maxCode      = 64
	maxRequestID = 128
)

// reply is an answer: data, of which nothing is believed.
type reply struct {
	caller
	step    string
	secrets []secret.Value

	status int
	header http.Header
	body   []byte
	cut    *safehttp.Error // why body is not whole
	sent   time.Time       // local time before the request
	got    time.Time       // local time of the answer

	requestID string // set by the provider's file
}

// complaint is what a vendor said about a failure, not yet scrubbed.
type complaint struct {
	code, text string
}

// id keeps the first of the named headers as the id of the request.
func (r *reply) id(headers ...string) {
	for _, h := range headers {
		if v := r.header.Get(h); v != "" && r.requestID == "" {
			r.requestID = v
		}
	}
}

// fail is an error about this answer.
func (r *reply) fail(cause Cause, c complaint) *Error {
	e := &Error{
		Provider: r.provider, Step: r.step, Cause: cause, Status: r.status,
		Code:        scrub.Word(c.code, maxCode, r.secrets...),
		Description: scrub.Text(c.text, r.secrets...),
		RequestID:   scrub.Word(r.requestID, maxRequestID, r.secrets...),
	}
	if skew := safehttp.Skew(r.header, r.got); skew != 0 {
		side := "behind"
		if skew < 0 {
			side = "ahead of"
		}
		clock := "this machine's clock is " + skew.Abs().String() + " " + side + " the server's"
		if e.Description == "" {
			e.Description = clock
		} else {
			e.Description += " (" + clock + ")"
		}
	}
	return e
}

// refused is an answer with a status other than 200: the status decides.
func (r *reply) refused(c complaint) *Error {
	switch {
	case safehttp.IsRetryableStatus(r.status):
		return r.unavailable(c)
	case r.status >= 300 && r.status < 400:
		c.text = "the token endpoint redirects" + r.target() + ", which is not followed"
	}
	return r.fail(Refused, c)
}

// unavailable is an answer that a later attempt can change.
func (r *reply) unavailable(c complaint) *Error {
	e := r.fail(Unavailable, c)
	e.Retries = RetryAlways
	now := r.got
	if date, ok := safehttp.ServerDate(r.header); ok {
		now = date
	}
	e.RetryAfter = safehttp.ParseRetryAfter(r.header.Get("Retry-After"), now)
	e.Hint = "this passes: try again later, or give it more time with --timeout (AWF_CRED_TIMEOUT)"
	return e
}

// useless is an answer with status 200 that is no credential; text names the field
// at fault as the vendor does.
func (r *reply) useless(text string) *Error {
	e := r.fail(Refused, complaint{text: text})
	e.Hint = "this is no answer of the vendor's: is the endpoint the right one, and does nothing on the way change its answers?"
	return e
}

// whole reports an answer whose body did not come through.
func (r *reply) whole() *Error {
	if r.cut == nil {
		return nil
	}
	e := r.broken(r.step, r.cut)
	e.Status, e.RequestID = r.status, scrub.Word(r.requestID, maxRequestID, r.secrets...)
	return e
}

// target is the host of a redirect, and nothing else of it.
func (r *reply) target() string {
	u, err := url.Parse(r.header.Get("Location"))
	if err != nil || u.Host == "" {
		return ""
	}
	return " to the host " + scrub.Word(u.Host, maxRequestID, r.secrets...)
}

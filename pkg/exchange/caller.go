package exchange

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/awf-cred/awf-cred/internal/jwt"
	"github.com/awf-cred/awf-cred/internal/safehttp"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// caller sends the requests of one provider.
type caller struct {
	provider string
	endpoint string // where assertions go
	doer     Doer
	now      func() time.Time
	agent    string
}

func newCaller(provider, endpoint string, doer Doer, now func() time.Time, agent string) caller {
	if now == nil {
		now = time.Now //nolint:forbidigo // the default of a public parameter
	}
	return caller{provider, endpoint, doer, now, agent}
}

// Prepare begins the connection for an exchange that will follow, where the client
// can do that, and returns at once. The caller calls release after the exchange, or
// when there will be none.
func (c caller) Prepare(ctx context.Context) (release func()) { return c.connect(ctx, c.endpoint) }

func (c caller) connect(ctx context.Context, endpoint string) (release func()) {
	d, can := c.doer.(interface {
		Ahead(context.Context, *url.URL) (release func())
	})
	u, err := url.Parse(endpoint)
	if !can || err != nil {
		return func() {}
	}
	return d.Ahead(ctx, u)
}

// request is one POST. Its parts that may be echoed are in secrets.
type request struct {
	step        string
	url         string
	contentType string
	header      [][2]string
	body        []byte
	secrets     []secret.Value
}

// acceptJSON is the header of the vendors that answer in JSON.
var acceptJSON = [2]string{"Accept", "application/json"}

// post sends a request once. An error means that there was no answer.
func (c caller) post(ctx context.Context, r request) (*reply, *Error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(r.body))
	if err != nil {
		return nil, &Error{Provider: c.provider, Step: r.step, Cause: Internal, Unsent: true, Err: errors.New("the request cannot be built")}
	}
	// A client that follows redirects or repeats requests could do so only with
	// a second copy of the body.
	req.GetBody = nil
	req.Header.Set("Content-Type", r.contentType)
	if c.agent != "" {
		req.Header.Set("User-Agent", c.agent)
	}
	for _, h := range r.header {
		req.Header.Set(h[0], h[1])
	}
	sent := c.now()
	res, err := c.doer.Do(req) //nolint:bodyclose // ReadBody closes it
	if err != nil {
		return nil, c.broken(r.step, safehttp.AsError(err))
	}
	out := &reply{caller: c, step: r.step, secrets: r.secrets, status: res.StatusCode, header: res.Header, sent: sent, got: c.now()}
	if out.body, err = safehttp.ReadBody(res); err != nil {
		out.cut = safehttp.AsError(err)
	}
	return out, nil
}

// broken is a request without a whole answer.
func (c caller) broken(step string, err *safehttp.Error) *Error {
	e := &Error{Provider: c.provider, Step: step, Cause: Unavailable, Unsent: err.Unsent, Hint: err.Hint, Err: err}
	switch {
	case err.Kind == safehttp.Endpoint:
		e.Cause = Usage
	case err.Kind == safehttp.TooLarge, err.Kind == safehttp.Encoding:
		e.Cause = Refused
	case err.Retryable():
		e.Retries = RetryAlways
	}
	return e
}

// check refuses what cannot be an assertion before it is sent.
func (c caller) check(a Assertion) *Error {
	t := a.Token.Reveal()
	problem := ""
	switch {
	case t == "":
		problem = "the assertion is empty"
	case len(t) > jwt.MaxBytes:
		problem = "the assertion has more than 16 KiB"
	case !all(t, func(b byte) bool { return isIDByte(b) || b == '.' }):
		problem = "the assertion is not a JWT: it has a character that no JWT has"
	default:
		return nil
	}
	return &Error{Provider: c.provider, Step: stepExchange, Cause: Identity, Unsent: true, Description: problem}
}

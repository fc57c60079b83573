package ghoidc

import (
	"net/http"
	"net/url"
	"time"

	"github.com/awf-cred/awf-cred/internal/jwt"
	"github.com/awf-cred/awf-cred/internal/safehttp"
	"github.com/awf-cred/awf-cred/internal/scrub"
	"github.com/awf-cred/awf-cred/internal/strictjson"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// useless is an answer with status 200 that is no token.
func useless(what string) error {
	return &exchange.Error{Provider: provider, Step: step, Cause: exchange.Identity, Status: http.StatusOK,
		Description: "the mint endpoint answered, but " + what}
}

// broken is a request without an answer.
func (c *Client) broken(err *safehttp.Error) error {
	e := &exchange.Error{Provider: provider, Step: step, Cause: exchange.Unavailable, Unsent: err.Unsent, Hint: err.Hint, Err: err}
	switch {
	case err.Kind == safehttp.Endpoint:
		e.Cause = exchange.Usage
	case err.Retryable():
		e.Retries = exchange.RetryAlways
	}
	return e
}

// unread is an answer with status 200 whose body did not come through: cut, which
// the network does, or too large or compressed, which the server does.
func (c *Client) unread(err error) error {
	own := safehttp.AsError(err)
	if own.Kind == safehttp.TooLarge || own.Kind == safehttp.Encoding {
		return useless(own.Detail)
	}
	e := c.broken(own).(*exchange.Error) //nolint:errorlint,forcetypeassert // made above
	e.Status = http.StatusOK
	return e
}

// refused is an answer with any other status. The endpoint's bodies for errors are
// not documented; a `message` is shown if there is one.
func (c *Client) refused(res *http.Response, body []byte, now time.Time) error {
	e := &exchange.Error{Provider: provider, Step: step, Cause: exchange.Identity, Status: res.StatusCode,
		RequestID:  scrub.Word(res.Header.Get("X-Github-Request-Id"), 128, c.token),
		RetryAfter: safehttp.ParseRetryAfter(res.Header.Get("Retry-After"), now),
	}
	if m, err := strictjson.Object(body); err == nil {
		if text, ok := m.String("message"); ok {
			e.Description = scrub.Text(text, c.token)
		}
	}
	ended := c.jobEnded(now)
	switch s := res.StatusCode; {
	case safehttp.IsRetryableStatus(s):
		e.Cause, e.Retries = exchange.Unavailable, exchange.RetryAlways
	case s >= 300 && s < 400:
		e.Description = "the mint endpoint redirects" + target(res) + ", which is not followed"
	case ended != "":
		e.Description = ended
		e.Hint = "GitHub ends a job's request token some six hours after the job began: obtain the credential earlier, or split the job"
	case s == http.StatusForbidden:
		// The server refuses until it has recorded the job as in progress
		// (actions/runner, JobRunner.cs).
		e.Retries = 2
		e.Hint = permissionHint
	case s == http.StatusUnauthorized:
		e.Hint = "the job's request token is not accepted (any more): is the job over, or are " + URLVariable + " and " + TokenVariable + " of different jobs?"
	case s == http.StatusNotFound:
		e.Hint = "the job is over, or this GitHub Enterprise Server does not offer OIDC"
	case s == http.StatusBadRequest:
		e.Hint = "check the audience: GitHub did not accept the request as it is"
	}
	return e
}

// jobEnded says so when the request token is a JWT past its exp, which happens in
// jobs that run for more than six hours.
func (c *Client) jobEnded(now time.Time) string {
	claims, err := jwt.Parse(c.token.Reveal())
	if err != nil {
		return ""
	}
	if err := claims.Check(now, 0); err != nil && now.After(claims.ExpiresAt) {
		return "the job's request token (" + TokenVariable + ") has ended: " + describe(err)
	}
	return ""
}

// target is the host of a redirect, and nothing else of it.
func target(res *http.Response) string {
	u, err := url.Parse(res.Header.Get("Location"))
	if err != nil || u.Host == "" {
		return ""
	}
	return " to the host " + scrub.Word(u.Host, 128)
}

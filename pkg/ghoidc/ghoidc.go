// Package ghoidc obtains identity tokens (OIDC JWTs) from GitHub Actions: on
// github.com, on GitHub Enterprise Server and with the issuers of enterprises.
//
// A job with the permission `id-token: write` finds two variables in its
// environment, which [FromEnv] reads. [Client.Mint] asks once; it does not retry,
// does not keep anything and does not verify the signature, which is the work of
// whoever takes the token. What it does check is what no provider would take: an
// answer that is not a JWT, another audience, a token that is expired or not yet
// valid by the server's own clock.
//
// All errors are *exchange.Error, with the provider "github", the step "mint" and
// the number of further attempts that can help. Clients are safe for concurrent
// use.
//
// Source of the wire facts: GitHub Docs, "OpenID Connect reference", and
// actions/toolkit, packages/core/src/oidc-utils.ts.
package ghoidc

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/safehttp"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// The variables with which the runner passes the endpoint to a job.
const (
	URLVariable   = "ACTIONS_ID_TOKEN_REQUEST_URL"
	TokenVariable = "ACTIONS_ID_TOKEN_REQUEST_TOKEN" // #nosec G101 -- a name
)

// Options configures a Client. All fields but UserAgent are required.
type Options struct {
	RequestURL   string       // of URLVariable; it has a query already
	RequestToken secret.Value // of TokenVariable; the job's own bearer token
	Doer         exchange.Doer
	Now          func() time.Time // for an answer without a Date
	UserAgent    string
}

// Client asks the endpoint of one job.
type Client struct {
	url   *url.URL
	token secret.Value
	doer  exchange.Doer
	now   func() time.Time
	agent string
}

// FromEnv reads the two variables with getenv (os.Getenv, for example).
func FromEnv(getenv func(string) string) Options {
	return Options{RequestURL: getenv(URLVariable), RequestToken: secret.New(getenv(TokenVariable))}
}

// New checks the options. What is wrong with the two variables is an error of the
// class Identity; an endpoint that no secret may be sent to is one of Usage.
func New(o Options) (*Client, error) {
	if o.Doer == nil || o.Now == nil {
		return nil, &exchange.Error{Provider: provider, Step: step, Cause: exchange.Internal,
			Err: errors.New("options: Doer and Now are required")}
	}
	u, err := checkVariables(o.RequestURL, o.RequestToken)
	if err != nil {
		return nil, err
	}
	return &Client{url: u, token: trimmed(o.RequestToken), doer: o.Doer, now: o.Now, agent: o.UserAgent}, nil
}

// Fingerprint names the job without revealing its token: two jobs never share one.
func (c *Client) Fingerprint() string {
	h := sha256.New()
	for _, part := range []string{"github", c.url.String(), c.token.Reveal()} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Mint asks for a token with one request. An empty audience stands for GitHub's
// default, the URL of the repository's owner.
func (c *Client) Mint(ctx context.Context, audience string) (Token, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.endpoint(audience), nil)
	if err != nil {
		return Token{}, &exchange.Error{Provider: provider, Step: step, Cause: exchange.Internal, Err: err}
	}
	req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	req.Header.Set("Accept", "application/json")
	if c.agent != "" {
		req.Header.Set("User-Agent", c.agent)
	}
	res, err := c.doer.Do(req) //nolint:bodyclose // ReadBody closes it
	if err != nil {
		return Token{}, c.broken(safehttp.AsError(err))
	}
	now := c.now()
	if date, ok := safehttp.ServerDate(res.Header); ok {
		now = date
	}
	body, bodyErr := safehttp.ReadBody(res)
	if res.StatusCode != http.StatusOK {
		return Token{}, c.refused(res, body, now)
	}
	if bodyErr != nil {
		return Token{}, c.unread(bodyErr)
	}
	return c.read(body, audience, now)
}

// endpoint sets the audience; every other parameter stays byte for byte.
func (c *Client) endpoint(audience string) string {
	u := *c.url
	if audience == "" {
		return u.String()
	}
	var query []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		if name, _, _ := strings.Cut(pair, "="); pair != "" && name != "audience" {
			query = append(query, pair)
		}
	}
	u.RawQuery = strings.Join(append(query, "audience="+url.QueryEscape(audience)), "&")
	return u.String()
}

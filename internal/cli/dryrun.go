package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/jwt"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// dryRun shows the request that an exchange would send, without its secrets, and
// the claims of the assertion. The request is made by the exchanger itself and
// stops at a Doer that keeps it.
func (a *app) dryRun(ctx context.Context, p *config.Profile, how wiring, format string) error {
	keep := &keeper{}
	how.Doer, how.Store = keep, "none"
	w, err := a.source(ctx, p, how)
	if err != nil {
		return err
	}
	assertion, err := w.Tokens.Assertion(ctx, w.Exchanger.Audience())
	if err != nil {
		return err
	}
	claims, err := jwt.Parse(assertion.Token.Reveal())
	if err != nil {
		return &exchange.Error{Step: "dry run", Cause: exchange.Identity, Err: err}
	}
	_, err = w.Exchanger.Exchange(ctx, assertion)
	if keep.request == nil {
		return err
	}
	payload, err := json.Marshal(claims.All)
	if err != nil {
		return err
	}
	shown := keep.shown(assertion)
	if format == "json" {
		b, err := output.DryRunJSON(shown, payload)
		if err != nil {
			return err
		}
		return a.out.send("the request", b)
	}
	text, err := output.DryRunText(shown, payload)
	if err != nil {
		return err
	}
	return a.out.send("the request", text)
}

// keeper is a Doer that keeps the request and sends nothing.
type keeper struct {
	request *http.Request
	body    []byte
}

var errDryRun = errors.New("nothing is sent in a dry run")

func (k *keeper) Do(req *http.Request) (*http.Response, error) {
	k.request = req
	if req.Body != nil {
		body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
		_ = req.Body.Close()
		if err != nil {
			return nil, err
		}
		k.body = body
	}
	return nil, errDryRun
}

// shown is the request without the assertion.
func (k *keeper) shown(a exchange.Assertion) output.Request {
	token := a.Token.Reveal()
	hide := func(s string) string {
		return strings.ReplaceAll(strings.ReplaceAll(s, token, "(redacted)"), url.QueryEscape(token), "(redacted)")
	}
	r := output.Request{Method: k.request.Method, URL: hide(k.request.URL.String()), Body: hide(string(k.body))}
	for name, values := range k.request.Header {
		for _, value := range values {
			if name == "Authorization" {
				value = "(redacted)"
			}
			r.Headers = append(r.Headers, output.Header{Name: name, Value: hide(value)})
		}
	}
	slices.SortFunc(r.Headers, func(a, b output.Header) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return r
}

package ghoidc

import (
	"net/url"
	"strings"

	"github.com/awf-cred/awf-cred/internal/safehttp"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

const (
	provider = "github"
	step     = "mint"

	// GitHub Docs, "OpenID Connect reference": a job-level `permissions` replaces
	// the workflow's; write permissions are dropped for pull requests of forks; a
	// reusable workflow has what its caller grants.
	permissionHint = "give the job `permissions: id-token: write` (a job's own permissions replace those of the workflow; a reusable workflow needs them from its caller)\n" +
		"pull requests from forks never get this permission: use another event for them, or skip the step\n" +
		"in a container or under sudo, pass " + URLVariable + " and " + TokenVariable + " on"
)

func checkVariables(rawURL string, token secret.Value) (*url.URL, error) {
	rawURL = strings.TrimSpace(rawURL)
	token = trimmed(token)
	var missing []string
	if rawURL == "" {
		missing = append(missing, URLVariable)
	}
	if token.IsZero() {
		missing = append(missing, TokenVariable)
	}
	if len(missing) > 0 {
		verb := " is"
		if len(missing) > 1 {
			verb = " are"
		}
		return nil, identity(strings.Join(missing, " and ")+verb+" not set: this job may not request an identity token", permissionHint)
	}
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || strings.ContainsFunc(rawURL, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, identity(URLVariable+" is not a URL", "")
	}
	if err := safehttp.CheckEndpoint(rawURL); err != nil {
		e := identity(URLVariable+" "+err.Error(), "")
		e.Cause = exchange.Usage
		return nil, e
	}
	if strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, identity(TokenVariable+" has a character in it that cannot be sent", "")
	}
	return u, nil
}

func trimmed(v secret.Value) secret.Value { return secret.New(strings.TrimSpace(v.Reveal())) }

func identity(description, hint string) *exchange.Error {
	return &exchange.Error{Provider: provider, Step: step, Cause: exchange.Identity, Description: description, Hint: hint, Unsent: true}
}

package exchange

import (
	"net/http"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/scrub"
)

// hints are next steps, most likely first, one a line.
type hints []string

func (h *hints) add(step string) { *h = append(*h, step) }

func (h hints) String() string { return strings.Join(h, "\n") }

// otherwise is the step after a refusal that nothing more is known of. endpoint names
// the settings that hold the URL.
func (h *hints) otherwise(r *reply, a Assertion, endpoint string) {
	switch {
	case len(*h) > 0:
	case r.status < 400, r.status == http.StatusNotFound, r.status == http.StatusMethodNotAllowed:
		h.add("is this the right endpoint? It is set by " + endpoint)
	case r.status == http.StatusRequestEntityTooLarge:
		h.add("the assertion is too large: leave out claims that are not needed")
	default:
		h.add("compare what is configured at the vendor with what was presented: " + presented(a))
	}
}

// presented names what the assertion said, which is what an opaque refusal leaves
// to compare. These claims are not secret.
func presented(a Assertion) string {
	audience := "(none)"
	if len(a.Audience) > 0 {
		audience = quoted(strings.Join(a.Audience, `", "`))
	}
	return "sub " + quoted(a.Subject) + ", iss " + quoted(a.Issuer) + ", aud " + audience
}

func quoted(s string) string { return `"` + scrub.Text(s) + `"` }

// subjectForm explains the two forms of GitHub's sub, empty for other issuers
// (GitHub changelog 2026-04-23, "immutable subject claims").
func subjectForm(a Assertion) string {
	if !strings.HasPrefix(a.Subject, "repo:") {
		return ""
	}
	owner, _, _ := strings.Cut(a.Subject, "/")
	if strings.Contains(owner, "@") {
		return "this sub has GitHub's immutable form, repo:OWNER@OWNER_ID/REPO@REPO_ID:…, which repositories created, renamed or transferred since mid-2026 have: a condition on repo:OWNER/REPO:… does not match it"
	}
	return "repositories created, renamed or transferred since mid-2026 have a sub of GitHub's immutable form, repo:OWNER@OWNER_ID/REPO@REPO_ID:…; this one has the older form, and with a job's environment it ends in environment:NAME"
}

// expired says that an assertion had ended when it was presented.
func expired(a Assertion, at time.Time) string {
	if a.ExpiresAt.IsZero() || at.Before(a.ExpiresAt) {
		return ""
	}
	return "the assertion expired at " + a.ExpiresAt.UTC().Format(time.RFC3339) + " by this machine's clock: present it sooner, or check the clock"
}

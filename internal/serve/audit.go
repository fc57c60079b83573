package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// auditLine is one line of the audit log, by which the vendor's own record of a
// mint or an exchange can be matched. What an event does not have is null.
type auditLine struct {
	Time           string   `json:"time"` // RFC 3339, UTC
	Event          string   `json:"event"`
	Profile        string   `json:"profile"`
	Provider       string   `json:"provider"`
	Outcome        string   `json:"outcome"` // ok or failed
	Class          *string  `json:"class"`   // of a failure
	Rule           *string  `json:"rule"`
	ServiceAccount *string  `json:"service_account"`
	Workspace      *string  `json:"workspace"`
	Subject        *string  `json:"subject"`
	Audience       []string `json:"audience"`
	JTI            *string  `json:"jti_sha256"` // hex
	RequestID      *string  `json:"request_id"`
	Lifetime       *int64   `json:"lifetime_seconds"`
}

func (h *Hub) auditEvent(a *Account, e *tokensource.Event) {
	if h.audit == nil {
		return
	}
	line := auditLine{
		Time: e.Time.UTC().Format(time.RFC3339Nano), Event: e.Kind, Profile: a.Profile, Provider: a.Provider, Outcome: "ok",
		Rule: present(a.Rule), ServiceAccount: present(a.ServiceAccount), Workspace: present(a.Workspace),
		Subject: present(e.Assertion.Subject), Audience: e.Assertion.Audience, JTI: present(e.Assertion.ID), RequestID: present(e.RequestID),
	}
	if e.Err != nil {
		line.Outcome, line.Class = "failed", present(classOf(e.Err))
	}
	if e.Lifetime > 0 {
		seconds := int64(e.Lifetime / time.Second)
		line.Lifetime = &seconds
	}
	data, err := json.Marshal(line)
	if err != nil {
		return // strings and numbers: it cannot fail
	}
	h.audit.line(func(b *bytes.Buffer) {
		b.Write(plainASCII(data))
		b.WriteByte('\n')
	})
	h.audit.Flush()
}

func classOf(err error) string {
	var e *exchange.Error
	if errors.As(err, &e) {
		return string(e.Cause)
	}
	return string(exchange.Internal)
}

func present(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

package exchange

import (
	"strconv"
	"strings"
	"time"
)

// Cause is the class of a failure. It is an error, so that
// errors.Is(err, exchange.Refused) works on every error that wraps an *[Error].
type Cause string

// The classes of failure; each has one exit status (docs/exit-codes.md).
const (
	Internal    Cause = "internal"    // a defect
	Usage       Cause = "usage"       // flags, environment, config file
	Identity    Cause = "identity"    // no usable assertion
	Refused     Cause = "refused"     // the token endpoint answered finally
	Unavailable Cause = "unavailable" // network, timeout, 408, 425, 429, 5xx
	Storage     Cause = "storage"     // could not be stored or delivered
	Proxy       Cause = "proxy"       // serve cannot listen, a stream was cut
)

// Error makes a Cause usable as a target of errors.Is.
func (c Cause) Error() string { return string(c) }

// RetryAlways as Error.Retries: as many further attempts as the caller allows.
const RetryAlways = -1

// Error is a failed mint, exchange or lookup. What a server said is in Code,
// Description and RequestID: bounded, printable and scrubbed before it gets here.
type Error struct {
	Provider    string        // anthropic, aws, ...; "github" for a mint
	Step        string        // what was done: "mint", "exchange", "impersonation", "file", ...
	Cause       Cause         // the class
	Status      int           // HTTP status, 0 when there was no answer
	Code        string        // the vendor's error code
	Description string        // the vendor's text, or what is wrong with the answer
	RequestID   string        // the vendor's id of the request
	RetryAfter  time.Duration // from the answer, 0 when absent
	Retries     int           // further attempts that can help: 0 none, n at most n, RetryAlways
	Unsent      bool          // no byte of the request was written: the assertion is not spent
	Shared      bool          // this refusal was answered to another run moments ago
	Hint        string        // next steps, most likely first, one a line; empty when not known
	Err         error         // the cause below, for errors.Is and As
}

// Error renders the failure on one line, outside in, without the hint.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Provider != "" {
		b.WriteString(e.Provider + " ")
	}
	b.WriteString(e.Step)
	if e.Status != 0 {
		b.WriteString(": HTTP " + strconv.Itoa(e.Status))
	}
	if e.Code != "" {
		b.WriteString(": " + e.Code)
	}
	if e.Description != "" {
		b.WriteString(": " + e.Description)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause below.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the class of e.
func (e *Error) Is(target error) bool {
	c, ok := target.(Cause)
	return ok && c == e.Cause
}

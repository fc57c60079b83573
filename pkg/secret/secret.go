// Package secret holds values that must not be printed by accident.
//
// A [Value] hides itself from every way in which Go turns a value into text:
// fmt with any verb, JSON, text and slog, and printers that walk a value by
// reflection, because what it holds is reached through a closure. [Value.Reveal]
// is the only way out; each of its call sites is on a list that a test checks.
//
// Values are safe for concurrent use. Memory is not wiped: Go strings cannot be.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "(redacted)"

// Value is a secret string. The zero Value holds the empty string.
type Value struct {
	reveal func() string
}

// New returns a Value that holds s.
func New(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{reveal: func() string { return s }}
}

// Reveal returns the secret itself. Call it only where the secret leaves the
// program by design: a request, a cache entry, the output that was asked for.
func (v Value) Reveal() string {
	if v.reveal == nil {
		return ""
	}
	return v.reveal()
}

// IsZero reports whether v holds the empty string.
func (v Value) IsZero() bool { return v.reveal == nil }

// Equal compares two secrets in time that depends on their lengths only.
func (v Value) Equal(w Value) bool {
	return subtle.ConstantTimeCompare([]byte(v.Reveal()), []byte(w.Reveal())) == 1
}

// String returns a placeholder.
func (Value) String() string { return redacted }

// GoString returns a placeholder.
func (Value) GoString() string { return redacted }

// Format writes a placeholder, whatever the verb.
func (Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalJSON returns a placeholder.
func (Value) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns a placeholder.
func (Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns a placeholder.
func (Value) LogValue() slog.Value { return slog.StringValue(redacted) }

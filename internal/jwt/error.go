package jwt

import (
	"fmt"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/scrub"
)

// Error says which part or claim of a token is at fault.
type Error struct {
	Part    string        // exp, nbf, aud, ... or token, header, payload, signature
	By      time.Duration // by how much a time is missed, 0 for other faults
	Problem string
}

// Error renders the fault as "exp: the token expired 4m10s ago, at ...".
func (e *Error) Error() string { return e.Part + ": " + e.Problem }

// amount rounds to seconds up to a day, and to hours beyond.
func amount(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func list(audience []string) string {
	if len(audience) == 0 {
		return "nobody (it has no aud)"
	}
	quoted := make([]string, len(audience))
	for i, a := range audience {
		quoted[i] = `"` + scrub.Text(a) + `"`
	}
	return scrub.Text(strings.Join(quoted, ", "))
}

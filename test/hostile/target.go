package hostile

import (
	"crypto/rand"
	"encoding/base32"
	"net"
	"strings"
	"time"
)

// Target is a serve under attack.
type Target interface {
	// Dial connects to a role's listener; network is "tcp" or "unix".
	Dial(role Role, network string) (net.Conn, error)
	// Address is HOST:PORT of a role's TCP listener.
	Address(role Role) string
	// Key is the client key that Keyed demands now; Rotate replaces it.
	Key() string
	Rotate(key string) error
	// Secrets must be in no byte that a client or a log gets.
	Secrets() []string
	// Bearer is the token that is injected for a role; Signer has none.
	Bearer(role Role) string
	// Log returns what was logged since the last call, by every log there is.
	Log() string
	// Figures are those of the process that serves a role.
	Figures(role Role) (Figures, error)
	// Series is the number of metric series of the process that serves a role.
	Series(role Role) (int, error)
	// Scale says how much of everything this target gets.
	Scale() Scale
	Close() error
}

// Figures of a process.
type Figures struct {
	Goroutines  int
	Descriptors int
	Memory      int64 // bytes that the runtime holds for objects
	Resident    int64 // bytes of anonymous memory; in process the same as Memory
}

// Scale are counts and bounds of the cases of exhaustion.
type Scale struct {
	Slow, Idle, Halves, Churn int           // connections
	Uploads, Deaf             int           // connections
	Signed                    int           // uploads for signing at once
	Distinct                  int           // names
	HeaderTimeout             time.Duration // what the target was started with
	MaxRequests               int           // of Narrow
	SignLimit                 int           // bytes of a body that is signed
	SignBudget                int           // bytes of all of them
	Memory                    int64         // bytes that one stalled connection may hold
}

// newSecret is 26 random characters of [A-Z2-7].
func newSecret() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
}

// newKey is a client key with lower and upper case.
func newKey() string { return strings.ToLower(newSecret()) + newSecret() }

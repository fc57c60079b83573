package output

import (
	"encoding/json"
	"time"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

type mintShape struct {
	Token     string          `json:"token"`
	Claims    json.RawMessage `json:"claims"`
	ExpiresAt *string         `json:"expires_at"`
	ExpiresIn *int64          `json:"expires_in"`
}

// MintJSON is what `mint --format json` prints. Claims is the decoded payload of
// the token, a JSON object.
func MintJSON(token secret.Value, claims []byte, expires, now time.Time) ([]byte, error) {
	return JSON(mintShape{
		Token: token.Reveal(), Claims: claims,
		ExpiresAt: stamp(expires), ExpiresIn: left(expires, now),
	})
}

// MintToken is what `mint` prints: the identity token and a newline.
func MintToken(token secret.Value) []byte { return []byte(token.Reveal() + "\n") }

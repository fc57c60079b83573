package jwt_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/jwt"
)

// FuzzParse: a token that is read has three parts, a bounded size and an expiry in
// the calendar; an error names a part and never quotes the token.
func FuzzParse(f *testing.F) {
	for _, payload := range []string{
		`{"iss":"https://token.actions.githubusercontent.com","sub":"repo:o/r:ref:refs/heads/main","aud":"a","jti":"j","iat":1,"nbf":0,"exp":2}`,
		`{"exp":1.5e9,"aud":["a","b"]}`, `{"exp":"1"}`, `{"exp":1e400}`, `{"exp":1,"exp":2}`, `[]`, ``, `{"exp":9223372036854775807}`,
	} {
		f.Add(header, payload)
	}
	f.Fuzz(func(t *testing.T, head, payload string) {
		for _, s := range []string{raw(head, payload, "sig"), head + "." + payload} {
			c, err := jwt.Parse(s)
			if err != nil {
				require.Less(t, len(err.Error()), 128)
				continue
			}
			require.LessOrEqual(t, len(s), jwt.MaxBytes)
			require.Equal(t, 2, strings.Count(s, "."))
			require.False(t, c.ExpiresAt.IsZero())
			require.LessOrEqual(t, c.ExpiresAt.Year(), 9999)
			if err := c.Check(time.Unix(0, 0), 0); err != nil {
				require.NotContains(t, err.Error(), "\n")
			}
		}
	})
}

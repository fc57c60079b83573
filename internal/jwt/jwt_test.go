package jwt_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/jwt"
)

const header = `{"typ":"JWT","alg":"RS256","kid":"k1"}`

func token(payload string) string { return raw(header, payload, "signature") }

func raw(parts ...string) string {
	for i, p := range parts {
		parts[i] = base64.RawURLEncoding.EncodeToString([]byte(p))
	}
	return strings.Join(parts, ".")
}

func TestParse(t *testing.T) {
	t.Parallel()
	c, err := jwt.Parse(token(`{"iss":"https://i","sub":"repo:o/r","aud":"a","jti":"j1","iat":1700000000,"nbf":1699999400.9,"exp":1.7000003e9,"repository":"o/r"}`))
	require.NoError(t, err)
	assert.Equal(t, "https://i", c.Issuer)
	assert.Equal(t, "repo:o/r", c.Subject)
	assert.Equal(t, []string{"a"}, c.Audience)
	assert.Equal(t, "j1", c.ID)
	assert.Equal(t, "k1", c.KeyID)
	assert.Equal(t, "RS256", c.Algorithm)
	assert.Equal(t, time.Unix(1700000000, 0).UTC(), c.IssuedAt)
	assert.Equal(t, time.Unix(1699999400, 0).UTC(), c.NotBefore, "a fraction is cut")
	assert.Equal(t, time.Unix(1700000300, 0).UTC(), c.ExpiresAt, "a float is a number")
	assert.Equal(t, "o/r", c.All["repository"])
	assert.Equal(t, fmt.Sprintf("%x", sha256.Sum256([]byte("j1"))), c.JTI())

	c, err = jwt.Parse(token(`{"aud":["a","b"],"exp":1}`))
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, c.Audience)
	assert.True(t, c.NotBefore.IsZero())
	assert.Empty(t, c.JTI())
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	good := token(`{"exp":1700000300}`)
	parts := strings.Split(good, ".")
	for _, c := range []struct{ name, in, part, want string }{
		{"nothing", "", "token", "are expected, not 1"},
		{"four parts", good + ".x", "token", "are expected, not 4"},
		{"two parts", parts[0] + "." + parts[1], "token", "are expected, not 2"},
		{"17 KiB", strings.Repeat("a", 17<<10), "token", "has 17408 bytes, 1024 more than the 16384 allowed"},
		{"standard base64", parts[0] + "." + "ey+/" + "." + parts[2], "payload", "is not base64url"},
		{"padding", parts[0] + "." + parts[1] + "=." + parts[2], "payload", "is not base64url"},
		{"a line end", parts[0] + "." + parts[1] + "\n." + parts[2], "payload", "is not base64url"},
		{"bits left over", parts[0] + "." + parts[1] + ".QR", "signature", "is not base64url"},
		{"a bad signature", parts[0] + "." + parts[1] + ".!", "signature", "is not base64url"},
		{"a payload that is no JSON", raw(header, "hello", "s"), "payload", "is not JSON"},
		{"a payload that is an array", raw(header, "[1]", "s"), "payload", "is not a JSON object"},
		{"a header that is an array", raw("[]", `{"exp":1}`, "s"), "header", "is not a JSON object"},
		{"two subjects", token(`{"exp":1,"sub":"a","sub":"b"}`), "payload", "has a key twice"},
		{"deep nesting", token(`{"exp":1,"x":` + strings.Repeat("[", 5000)), "payload", "nests more than"},
		{"no exp", token(`{"sub":"x"}`), "exp", "is absent"},
		{"exp as a string", token(`{"exp":"1700000300"}`), "exp", "is a string, not a number"},
		{"exp null", token(`{"exp":null}`), "exp", "is null, not a number"},
		{"exp beyond the calendar", token(`{"exp":1e308}`), "exp", "is not a time"},
		{"exp beyond a float", token(`{"exp":1e999}`), "exp", "is not a time"},
		{"exp negative", token(`{"exp":-1}`), "exp", "is not a time"},
		{"sub as a number", token(`{"exp":1,"sub":7}`), "sub", "is a number, not a string"},
		{"aud as a number", token(`{"exp":1,"aud":7}`), "aud", "is a number, not a string or"},
		{"aud with a number in it", token(`{"exp":1,"aud":["a",7]}`), "aud", "something other than strings"},
		{"kid as an object", raw(`{"kid":{}}`, `{"exp":1}`, "s"), "kid", "is an object, not a string"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := jwt.Parse(c.in)
			var e *jwt.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, c.part, e.Part)
			assert.Contains(t, e.Problem, c.want)
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		name     string
		nbf, exp time.Duration
		want     string
		by       time.Duration
	}{
		{"valid", -600 * time.Second, 300 * time.Second, "", 0},
		{"expired within the leeway", -600 * time.Second, -59 * time.Second, "", 0},
		{"expired beyond it", -600 * time.Second, -250 * time.Second, "exp: the token expired 4m10s ago, at 2023-11-14T22:09:10Z", 250 * time.Second},
		{"expired long ago", -600 * time.Second, -72 * time.Hour, "exp: the token expired 3 days ago, at 2023-11-11T22:13:20Z", 72 * time.Hour},
		{"not yet valid within the leeway", 60 * time.Second, 300 * time.Second, "", 0},
		{"not yet valid beyond it", 10 * time.Minute, time.Hour, "nbf: the token is not valid for another 10m0s, until 2023-11-14T22:23:20Z", 10 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			claims := jwt.Claims{NotBefore: now.Add(c.nbf), ExpiresAt: now.Add(c.exp)}
			err := claims.Check(now, jwt.Leeway)
			if c.want == "" {
				assert.NoError(t, err)
				return
			}
			var e *jwt.Error
			require.ErrorAs(t, err, &e)
			assert.EqualError(t, err, c.want)
			assert.Equal(t, c.by, e.By)
		})
	}
	assert.NoError(t, jwt.Claims{ExpiresAt: now.Add(time.Minute)}.Check(now, 0), "no nbf is no fault")
}

func TestCheckAudience(t *testing.T) {
	t.Parallel()
	c := jwt.Claims{Audience: []string{"a", "evil\n::add-mask::"}}
	assert.NoError(t, c.CheckAudience("a"))
	assert.EqualError(t, c.CheckAudience("b"), `aud: the token is for "a", "evil\n::add-mask::", not for "b"`)
	assert.EqualError(t, jwt.Claims{}.CheckAudience("b"), `aud: the token is for nobody (it has no aud), not for "b"`)
}

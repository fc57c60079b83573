package identity

import (
	"errors"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/jwt"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// maxSource bounds what is read from a file or a command, in bytes.
const maxSource = 64 << 10

var errEmpty = errors.New("is empty")

// token takes the one line out of what a source holds. Blanks and line ends
// around it are what editors, kubelets and shells leave.
func token(raw string) (string, error) {
	if strings.HasPrefix(raw, "\xef\xbb\xbf") {
		return "", errors.New("begins with a byte order mark; save it as plain text")
	}
	line := strings.Trim(raw, " \t\r\n")
	switch {
	case raw == "":
		return "", errEmpty
	case line == "":
		return "", errors.New("is blank")
	case strings.ContainsAny(line, "\r\n"):
		return "", errors.New("holds more than one line; one token alone is expected")
	}
	return line, nil
}

// checker looks at tokens that others made.
type checker struct {
	now      func() time.Time
	audience string // empty: any
}

// assertion reads a token and refuses one that no provider would take.
func (c checker) assertion(raw string) (exchange.Assertion, error) {
	line, claims, err := parse(raw)
	if err != nil {
		return exchange.Assertion{}, err
	}
	if err := claims.Check(c.now(), jwt.Leeway); err != nil {
		return exchange.Assertion{}, err
	}
	if c.audience != "" {
		if err := claims.CheckAudience(c.audience); err != nil {
			return exchange.Assertion{}, err
		}
	}
	return exchange.Assertion{
		Token: secret.New(line), ID: claims.JTI(), ExpiresAt: claims.ExpiresAt,
		Issuer: claims.Issuer, Subject: claims.Subject, Audience: claims.Audience,
	}, nil
}

// parse is the token of a source and its claims, whether or not it is still valid.
func parse(raw string) (string, jwt.Claims, error) {
	line, err := token(raw)
	if err != nil {
		return "", jwt.Claims{}, err
	}
	claims, err := jwt.Parse(line)
	return line, claims, err
}

// advice is the next step for a claim at fault, empty when we do not know.
func advice(err error, renew string) string {
	var e *jwt.Error
	if !errors.As(err, &e) {
		return ""
	}
	switch {
	case e.Part == "exp" && e.By > 0: // not one that is absent or no number
		return renew
	case e.Part == "nbf" && e.By > 0:
		return "compare this machine's clock with the issuer's"
	case e.Part == "aud":
		return "have the token issued for that audience, or set the audience to the one that the provider expects"
	case e.Part == "token" && strings.HasPrefix(e.Problem, "has "): // too many bytes
		return "leave out claims that the provider does not need"
	case e.Part == "token":
		return "an identity token is a JWT in base64url, eyJ….….…: is it another kind of token, or a JSON answer with the token in it?"
	}
	return ""
}

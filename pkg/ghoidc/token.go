package ghoidc

import (
	"errors"
	"time"

	"github.com/awf-cred/awf-cred/internal/jwt"
	"github.com/awf-cred/awf-cred/internal/strictjson"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// Token is a minted identity token and what it says.
type Token struct {
	Value     secret.Value
	ID        string // hex SHA-256 of the jti, empty when there is none
	Issuer    string
	Subject   string
	Audience  []string
	IssuedAt  time.Time
	ExpiresAt time.Time
	// Claims is the whole payload: strings, json.Number, bool, nil, []any and
	// maps like this one. It is not verified and not secret.
	Claims map[string]any
}

// Assertion returns the token as an exchange wants it.
func (t Token) Assertion() exchange.Assertion {
	return exchange.Assertion{Token: t.Value, ID: t.ID, ExpiresAt: t.ExpiresAt, Minted: true,
		Issuer: t.Issuer, Subject: t.Subject, Audience: t.Audience}
}

// read makes a Token of an answer, which looks like {"count":1,"value":"eyJ..."};
// now is the server's.
func (c *Client) read(body []byte, audience string, now time.Time) (Token, error) {
	m, err := strictjson.Object(body)
	if err != nil {
		return Token{}, useless("the answer " + err.Error())
	}
	value, ok := m.String("value")
	if !ok || value == "" {
		kind := m.Kind("value")
		if ok {
			kind = "empty"
		}
		return Token{}, useless("value is " + kind + ", not a JWT")
	}
	claims, err := jwt.Parse(value)
	if err != nil {
		return Token{}, useless("value is not a usable JWT: " + describe(err))
	}
	if err := claims.Check(now, jwt.Leeway); err != nil {
		return Token{}, useless("value is not valid now: " + describe(err))
	}
	if audience != "" {
		if err := claims.CheckAudience(audience); err != nil {
			return Token{}, useless("value is for somebody else: " + describe(err))
		}
	}
	return Token{Value: secret.New(value), ID: claims.JTI(), Issuer: claims.Issuer, Subject: claims.Subject,
		Audience: claims.Audience, IssuedAt: claims.IssuedAt, ExpiresAt: claims.ExpiresAt, Claims: plain(claims.All)}, nil
}

// describe keeps the sentence of a jwt.Error, which holds no value.
func describe(err error) string {
	var e *jwt.Error
	if errors.As(err, &e) {
		return e.Error()
	}
	return "it cannot be read"
}

// plain turns a payload into types that everybody can name.
func plain(m strictjson.Map) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = plainValue(v)
	}
	return out
}

func plainValue(v any) any {
	switch v := v.(type) {
	case strictjson.Map:
		return plain(v)
	case []any:
		for i := range v {
			v[i] = plainValue(v[i])
		}
	}
	return v
}

package exchange

import (
	"encoding/json"
	"strings"

	"github.com/awf-cred/awf-cred/internal/scrub"
	"github.com/awf-cred/awf-cred/internal/strictjson"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// grantRules are the differences between the vendors' successful answers.
type grantRules struct {
	digits  bool // expires_in may be digits in a string
	unnamed bool // expires_in may be absent: the credential is not kept
}

// grant reads a successful answer in the form of RFC 6749 section 5.1:
// access_token, token_type, expires_in and, optionally, scope. Unknown members are
// ignored, as the RFC wants it.
func (r *reply) grant(a Assertion, rules grantRules) (Credential, *Error) {
	if e := r.whole(); e != nil {
		return Credential{}, e
	}
	m, err := strictjson.Object(r.body)
	if err != nil {
		return Credential{}, r.useless("access_token cannot be read: the answer " + err.Error())
	}
	token, ok := m.String("access_token")
	if !ok {
		e := r.useless("access_token is " + m.Kind("access_token"))
		if c := oauthComplaint(m); c.code != "" {
			e = r.fail(Refused, complaint{c.code, "access_token is " + m.Kind("access_token") + ": " + c.text})
		}
		return Credential{}, e
	}
	if e := r.checkToken("access_token", token, a); e != nil {
		return Credential{}, e
	}
	// RFC 6749 section 7.1: a client must not use a type that it does not know.
	if kind, ok := m.String("token_type"); !ok {
		return Credential{}, r.useless("token_type is " + m.Kind("token_type") + ", not Bearer")
	} else if !strings.EqualFold(kind, "bearer") {
		return Credential{}, r.useless("token_type is not Bearer")
	}
	life, noStore, e := r.expiresIn(m, rules)
	if e != nil {
		return Credential{}, e
	}
	scope, _ := m.String("scope")
	c := r.credential(Bearer, life)
	c.Token, c.NoStore, c.Scope = secret.New(token), noStore, scrub.Text(scope, r.secrets...)
	return c, nil
}

// checkToken refuses what no bearer token is, and an echo of the assertion.
func (r *reply) checkToken(field, token string, a Assertion) *Error {
	if err := scrub.CheckToken(token); err != nil {
		return r.useless(field + " " + err.Error())
	}
	if a.Token.Equal(secret.New(token)) {
		return r.useless(field + " is the assertion itself")
	}
	return nil
}

func (r *reply) expiresIn(m strictjson.Map, rules grantRules) (lifetime, bool, *Error) {
	n, ok := m["expires_in"].(json.Number)
	if s, isString := m.String("expires_in"); rules.digits && isString && s != "" && all(s, isDigit) {
		n, ok = json.Number(s), true
	}
	if !ok {
		kind := m.Kind("expires_in")
		if rules.unnamed && kind == "absent" {
			return lifetime{}, true, nil
		}
		return lifetime{}, false, r.useless("expires_in is " + kind + ", not a number of seconds")
	}
	life, ok := parseSeconds(r.provider, n)
	if !ok {
		return lifetime{}, false, r.useless("expires_in is not a positive number of seconds")
	}
	return life, false, nil
}

// credential is one that begins before the request was sent: its expiry is never
// later than the server's.
func (r *reply) credential(kind Kind, life lifetime) Credential {
	return Credential{
		Provider: r.provider, Kind: kind, IssuedAt: r.sent, ExpiresAt: r.sent.Add(life.d), Warning: life.warning,
		RequestID: scrub.Word(r.requestID, maxRequestID, r.secrets...),
	}
}

package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// assertion is what a vendor reads from a JWT.
type assertion struct {
	header         map[string]any
	claims         map[string]any
	iss, sub, jti  string
	aud            []string
	iat, nbf, exp  float64
	hasIat, hasExp bool
}

// demand is what a vendor demands of a JWT.
type demand struct {
	algs    []jose.SignatureAlgorithm
	kid     bool          // the header must name a key
	require []string      // claims
	maxLife time.Duration // of exp - iat; 0: no bound
	skew    time.Duration
}

// asymmetric are the algorithms of Anthropic's reference.
var asymmetric = []jose.SignatureAlgorithm{
	jose.ES256, jose.ES384, jose.ES512, jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
}

// decode reads a compact JWT without looking at the signature. It takes no
// padding, blanks or line ends, as no vendor does.
func decode(token string) (*assertion, *refusal) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return nil, refuse("malformed_jwt", "not three parts")
	}
	a := &assertion{}
	for i, into := range []*map[string]any{&a.header, &a.claims} {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(parts[i])
		if err != nil || strings.ContainsAny(parts[i], "\r\n") {
			return nil, refuse("malformed_jwt", "not base64url")
		}
		if err := json.NewDecoder(bytes.NewReader(raw)).Decode(into); err != nil || *into == nil {
			return nil, refuse("malformed_jwt", "not a JSON object")
		}
	}
	if strings.ContainsAny(parts[2], "\r\n =") {
		return nil, refuse("malformed_jwt", "signature is not base64url")
	}
	a.iss, _ = a.claims["iss"].(string)
	a.sub, _ = a.claims["sub"].(string)
	a.jti, _ = a.claims["jti"].(string)
	switch aud := a.claims["aud"].(type) {
	case string:
		a.aud = []string{aud}
	case []any:
		for _, v := range aud {
			if text, ok := v.(string); ok {
				a.aud = append(a.aud, text)
			}
		}
	}
	a.iat, a.hasIat = a.claims["iat"].(float64)
	a.exp, a.hasExp = a.claims["exp"].(float64)
	a.nbf, _ = a.claims["nbf"].(float64)
	return a, nil
}

// verify checks header, signature, issuer and times, in that order.
func (s *Sandbox) verify(token string, d demand) (*assertion, *refusal) {
	a, no := decode(token)
	if no != nil {
		return nil, no
	}
	if no := s.verifySignature(token, a, d); no != nil {
		return a, no
	}
	for _, name := range append([]string{"iss"}, d.require...) {
		if v, ok := a.claims[name]; !ok || v == "" {
			return a, refuse("claim_missing", name)
		}
	}
	if a.iss != s.Issuer() {
		return a, refuse("issuer", a.iss)
	}
	return a, a.inTime(s.Now(), d)
}

func (s *Sandbox) verifySignature(token string, a *assertion, d demand) *refusal {
	alg, _ := a.header["alg"].(string)
	if !slices.Contains(d.algs, jose.SignatureAlgorithm(alg)) {
		return refuse("alg", alg)
	}
	if typ, ok := a.header["typ"].(string); ok && !strings.EqualFold(typ, "JWT") && !strings.HasSuffix(strings.ToLower(typ), "+jwt") {
		return refuse("malformed_jwt", "typ")
	}
	kid, _ := a.header["kid"].(string)
	if kid == "" && d.kid {
		return refuse("kid_missing", "")
	}
	key, ok := s.keys.public(kid)
	if !ok {
		return refuse("kid_unknown", kid)
	}
	parsed, err := jose.ParseSignedCompact(token, d.algs)
	if err != nil {
		return refuse("malformed_jwt", err.Error())
	}
	if _, err := parsed.Verify(key); err != nil {
		return refuse("signature", err.Error())
	}
	return nil
}

func (a *assertion) inTime(now time.Time, d demand) *refusal {
	if slices.Contains(d.require, "iat") && !a.hasIat || slices.Contains(d.require, "exp") && !a.hasExp {
		return refuse("claim_missing", "iat or exp is not a number")
	}
	t := float64(now.UnixNano()) / 1e9
	skew := d.skew.Seconds()
	switch {
	case a.hasExp && t >= a.exp+skew:
		return refuse("expired", "")
	case a.nbf > t+skew:
		return refuse("not_yet_valid", "nbf")
	case a.hasIat && a.iat > t+skew:
		return refuse("not_yet_valid", "iat")
	case d.maxLife > 0 && a.hasIat && a.hasExp && a.exp-a.iat > d.maxLife.Seconds():
		return refuse("lifetime", "exp - iat")
	}
	return nil
}

// remaining is the whole seconds the assertion is still good for.
func (a *assertion) remaining(now time.Time) int {
	return int(math.Floor(a.exp - float64(now.UnixNano())/1e9))
}

// key identifies an assertion: by issuer and jti, or without one by its digest.
func (a *assertion) key(token string) string {
	if a != nil && a.jti != "" {
		return "jti " + a.iss + " " + a.jti
	}
	sum := sha256.Sum256([]byte(token))
	return "sum " + hex.EncodeToString(sum[:])
}

// arrive counts an exchange and recognises an assertion that came before.
func (s *Sandbox) arrive(r *request, provider, token string) {
	a, _ := decode(token)
	if a != nil {
		r.identity = s.identityOf(a)
	}
	key := provider + " " + a.key(token)
	s.mu.Lock()
	again := token != "" && s.arrivals[key]
	s.arrivals[key] = true
	s.mu.Unlock()
	s.count(provider, r.identity, func(t *Tally) {
		t.Exchanges++
		switch {
		case again && a != nil && a.jti != "":
			t.Replays++
		case again:
			t.Repeats++
		}
	})
}

// consume uses an assertion up and reports whether it was still unused.
func (s *Sandbox) consume(provider string, a *assertion) bool {
	key := provider + " " + a.key("")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.consumed[key] {
		return false
	}
	s.consumed[key] = true
	return true
}

// identityOf is the name of the job that the assertion was minted for.
func (s *Sandbox) identityOf(a *assertion) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name, ok := s.minted[a.jti]; ok && a.jti != "" {
		return name
	}
	repository, _ := a.claims["repository"].(string)
	for _, j := range s.jobs {
		if j.Repository == repository {
			return j.Name
		}
	}
	return ""
}

package jwt

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/awf-cred/awf-cred/internal/strictjson"
)

func read(header, payload strictjson.Map) (Claims, error) {
	c := Claims{All: payload}
	for _, s := range []struct {
		from strictjson.Map
		name string
		to   *string
	}{
		{header, "kid", &c.KeyID}, {header, "alg", &c.Algorithm},
		{payload, "iss", &c.Issuer}, {payload, "sub", &c.Subject}, {payload, "jti", &c.ID},
	} {
		if _, present := s.from[s.name]; !present {
			continue
		}
		v, ok := s.from.String(s.name)
		if !ok {
			return Claims{}, wrongType(s.from, s.name, "a string")
		}
		*s.to = v
	}
	var err error
	if c.Audience, err = audience(payload); err != nil {
		return Claims{}, err
	}
	for _, d := range []struct {
		name string
		to   *time.Time
	}{{"exp", &c.ExpiresAt}, {"nbf", &c.NotBefore}, {"iat", &c.IssuedAt}} {
		if *d.to, err = date(payload, d.name); err != nil {
			return Claims{}, err
		}
	}
	if c.ExpiresAt.IsZero() {
		return Claims{}, &Error{Part: "exp", Problem: "is absent"}
	}
	return c, nil
}

// audience reads aud: a string or an array of strings (RFC 7519 section 4.1.3).
func audience(payload strictjson.Map) ([]string, error) {
	switch v := payload["aud"].(type) {
	case string:
		return []string{v}, nil
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, &Error{Part: "aud", Problem: "is an array with something other than strings in it"}
			}
			out = append(out, s)
		}
		return out, nil
	}
	if _, present := payload["aud"]; present {
		return nil, wrongType(payload, "aud", "a string or an array of strings")
	}
	return nil, nil
}

// date reads a NumericDate: seconds since 1970, which may have a fraction (RFC
// 7519 section 2). Fractions are cut.
func date(payload strictjson.Map, name string) (time.Time, error) {
	if _, present := payload[name]; !present {
		return time.Time{}, nil
	}
	n, ok := payload[name].(json.Number)
	if !ok {
		return time.Time{}, wrongType(payload, name, "a number")
	}
	t, err := seconds(n.String())
	if err != nil {
		return time.Time{}, &Error{Part: name, Problem: err.Error()}
	}
	return t, nil
}

// lastSecond is the end of the year 9999, beyond which RFC 3339 cannot write.
const lastSecond = 253402300799

func seconds(s string) (time.Time, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= lastSecond) {
		return time.Time{}, errors.New("is not a time between 1970 and 9999")
	}
	return time.Unix(int64(math.Floor(f)), 0).UTC(), nil
}

func wrongType(m strictjson.Map, name, want string) error {
	return &Error{Part: name, Problem: "is " + m.Kind(name) + ", not " + want}
}

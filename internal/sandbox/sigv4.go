package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SigV4 verifies AWS Signature Version 4 (IAM user guide, "Create a signed AWS
// API request"). It shares no code with any signer, so that a signature that
// both agree on is right.
type SigV4 struct {
	Region, Service string
	// Secret returns the secret key of an access key, and its session token if
	// it has one.
	Secret func(accessKey string) (secret, session string, known bool)
	Now    time.Time
	// Normalize removes dot segments and doubled slashes from the path, as every
	// service but S3 does.
	Normalize bool
	// Loose takes an X-Amz-* header or session token that is not signed.
	Loose bool
}

// SignedRequest is what a signature covers, as it was on the wire.
type SignedRequest struct {
	Method, Target, Host string
	Header               http.Header
	Body                 []byte
}

// signature is what a request says about its own signature.
type signature struct {
	key, date, region, service string
	at                         time.Time
	signed                     []string
	value                      string
	expires                    time.Duration // presigned only
	presigned                  bool
	session                    string
}

const (
	sigAlgorithm = "AWS4-HMAC-SHA256"
	sigTime      = "20060102T150405Z"
	sigSkew      = 5 * time.Minute
)

// Verify reports why the signature is not good, or nil.
func (v SigV4) Verify(r SignedRequest) error {
	if _, no := v.check(r); no != nil {
		return errors.New(no.reason + ": " + no.detail)
	}
	return nil
}

// check returns the access key of a good signature.
func (v SigV4) check(r SignedRequest) (string, *refusal) {
	s, no := readSignature(r)
	if no != nil {
		return "", no
	}
	if no := v.checkScope(s); no != nil {
		return s.key, no
	}
	if no := v.checkTime(s); no != nil {
		return s.key, no
	}
	secret, session, known := v.Secret(s.key)
	if !known || session != s.session && !(v.Loose && session != "") {
		return s.key, refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	if no := v.checkHeaders(r, s); no != nil {
		return s.key, no
	}
	payload, no := payloadHash(r)
	if no != nil {
		return s.key, no
	}
	want := s.sign(secret, v.canonical(r, s, payload))
	if !hmac.Equal([]byte(want), []byte(s.value)) {
		return s.key, refuse("InvalidSignatureException",
			"The request signature we calculated does not match the signature you provided. Canonical request: "+
				strconv.Quote(v.canonical(r, s, payload)))
	}
	return s.key, nil
}

func (v SigV4) checkScope(s *signature) *refusal {
	bad := func(text string) *refusal { return refuse("InvalidSignatureException", text) }
	switch {
	case s.service != v.Service:
		return bad("Credential should be scoped to correct service: '" + v.Service + "'.")
	case s.region != v.Region:
		return bad("Credential should be scoped to a valid region.")
	case s.date != s.at.Format("20060102"):
		return bad("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
	}
	return nil
}

func (v SigV4) checkTime(s *signature) *refusal {
	late := v.Now.Sub(s.at)
	switch {
	case s.presigned && (s.expires <= 0 || s.expires > 7*24*time.Hour):
		return refuse("IncompleteSignature", "X-Amz-Expires")
	case -late > sigSkew:
		return refuse("InvalidSignatureException", "Signature not yet current")
	case s.presigned && late >= s.expires, !s.presigned && late > sigSkew:
		return refuse("InvalidSignatureException", "Signature expired")
	}
	return nil
}

// checkHeaders: host must be signed, and so must every x-amz-* header.
func (v SigV4) checkHeaders(r SignedRequest, s *signature) *refusal {
	if !slices.Contains(s.signed, "host") {
		return refuse("InvalidSignatureException", "'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	if !slices.IsSorted(s.signed) {
		return refuse("IncompleteSignature", "SignedHeaders is not sorted")
	}
	for _, name := range s.signed {
		if _, ok := r.Header[http.CanonicalHeaderKey(name)]; !ok && name != "host" {
			return refuse("InvalidSignatureException", "signed header is missing: "+name)
		}
	}
	for name := range r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && !slices.Contains(s.signed, lower) && !v.Loose {
			return refuse("InvalidSignatureException", "There were headers present in the request which were not signed: "+lower)
		}
	}
	return nil
}

// readSignature reads the Authorization header or the presigned query.
func readSignature(r SignedRequest) (*signature, *refusal) {
	values := r.Header["Authorization"]
	query := queryMap(r.Target)
	switch {
	case len(values) > 1, len(values) == 1 && query["X-Amz-Signature"] != nil:
		return nil, refuse("IncompleteSignature", "more than one signature")
	case len(values) == 1:
		return headerSignature(r, values[0])
	case query["X-Amz-Signature"] != nil:
		return querySignature(query)
	}
	return nil, refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
}

func headerSignature(r SignedRequest, value string) (*signature, *refusal) {
	rest, ok := strings.CutPrefix(value, sigAlgorithm+" ")
	if !ok {
		return nil, refuse("IncompleteSignature", "unsupported algorithm")
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := fields[name]; twice {
			return nil, refuse("IncompleteSignature", name+" twice")
		}
		fields[name] = value
	}
	if len(r.Header["X-Amz-Date"]) != 1 || len(r.Header["X-Amz-Security-Token"]) > 1 {
		return nil, refuse("IncompleteSignature", "X-Amz-Date")
	}
	s := &signature{session: r.Header.Get("X-Amz-Security-Token")}
	return s, s.fill(fields["Credential"], r.Header.Get("X-Amz-Date"), fields["SignedHeaders"], fields["Signature"])
}

func querySignature(q map[string][]string) (*signature, *refusal) {
	one := func(name string) string {
		if len(q[name]) != 1 {
			return ""
		}
		return q[name][0]
	}
	if one("X-Amz-Algorithm") != sigAlgorithm {
		return nil, refuse("IncompleteSignature", "X-Amz-Algorithm")
	}
	seconds, err := strconv.Atoi(one("X-Amz-Expires"))
	if err != nil {
		return nil, refuse("IncompleteSignature", "X-Amz-Expires")
	}
	s := &signature{presigned: true, expires: time.Duration(seconds) * time.Second, session: one("X-Amz-Security-Token")}
	return s, s.fill(one("X-Amz-Credential"), one("X-Amz-Date"), one("X-Amz-SignedHeaders"), one("X-Amz-Signature"))
}

func (s *signature) fill(credential, at, signed, value string) *refusal {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 || parts[4] != "aws4_request" || parts[0] == "" {
		return refuse("IncompleteSignature", "Credential")
	}
	var err error
	if s.at, err = time.Parse(sigTime, at); err != nil {
		return refuse("IncompleteSignature", "X-Amz-Date")
	}
	if signed == "" || len(value) != 64 {
		return refuse("IncompleteSignature", "SignedHeaders or Signature")
	}
	s.key, s.date, s.region, s.service = parts[0], parts[1], parts[2], parts[3]
	s.signed, s.value = strings.Split(signed, ";"), value
	return nil
}

// payloadHash is the hash of the body; X-Amz-Content-Sha256 may only say the same.
func payloadHash(r SignedRequest) (string, *refusal) {
	sum := sha256.Sum256(r.Body)
	hash := hex.EncodeToString(sum[:])
	if said := r.Header["X-Amz-Content-Sha256"]; len(said) > 0 && (len(said) > 1 || said[0] != hash) {
		return "", refuse("InvalidSignatureException", "x-amz-content-sha256 is not the hash of the payload")
	}
	return hash, nil
}

// sign is the hex signature over the string to sign.
func (s *signature) sign(secret, canonical string) string {
	key := []byte("AWS4" + secret)
	for _, part := range [...]string{s.date, s.region, s.service, "aws4_request", s.stringToSign(canonical)} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

func (s *signature) stringToSign(canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	return strings.Join([]string{sigAlgorithm, s.at.Format(sigTime),
		s.date + "/" + s.region + "/" + s.service + "/aws4_request", hex.EncodeToString(sum[:])}, "\n")
}

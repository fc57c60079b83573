package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AWS hosts and endpoints.
const (
	HostSTS Host = "aws" // sts.REGION.amazonaws.com

	AWSToken  Endpoint = "aws.token"  // AssumeRoleWithWebIdentity
	AWSCaller Endpoint = "aws.caller" // GetCallerIdentity
)

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

// aws is STS.
func aws(s *Sandbox) vendor {
	return vendor{
		name: HostSTS,
		has:  []Endpoint{AWSToken, AWSCaller},
		route: func(r *request) (Endpoint, handler) {
			if r.path != "/" {
				return HostSTS.unknown(), func(r *request) *reply { return stsError(r, refuse("InvalidAction", r.path)) }
			}
			if strings.HasPrefix(r.header.Get("Authorization"), sigAlgorithm) {
				return AWSCaller, s.callerIdentity
			}
			return AWSToken, s.assumeRole
		},
		limit:    func(Endpoint) int64 { return 1 << 20 },
		tooLarge: func(r *request) *reply { return stsError(r, &refusal{reason: "RequestEntityTooLarge", status: 413}) },
		failure: func(r *request) failure {
			return func(status int, code string) *reply {
				return stsError(r, &refusal{reason: cmpOr(code, stsCodes[status], "Unknown"), status: status, detail: http.StatusText(status)})
			}
		},
		arrived: func(r *request) {
			if r.endpoint == AWSToken {
				form, _ := url.ParseQuery(string(r.body))
				s.arrive(r, "aws", form.Get("WebIdentityToken"))
			}
		},
	}
}

var stsCodes = map[int]string{
	400: "ValidationError", 403: "AccessDenied", 404: "InvalidAction", 429: "Throttling", 500: "InternalFailure", 503: "ServiceUnavailable",
}

// cmpOr is the first text that is not empty.
func cmpOr(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

var (
	sessionForm  = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	stsParameter = regexp.MustCompile(`^(Action|Version|RoleArn|RoleSessionName|WebIdentityToken|DurationSeconds|Policy|ProviderId|PolicyArns\.member\.(\d+)\.arn)$`)
)

// assumeRole answers AssumeRoleWithWebIdentity (AWS STS API reference), by POST
// form only: the real service takes a query too, which leaks the token.
func (s *Sandbox) assumeRole(r *request) *reply {
	role := s.Role()
	form, no := readSTS(r)
	if no != nil {
		return s.refuseSTS(r, nil, no)
	}
	duration, no := sessionDuration(form, role)
	if no != nil {
		return s.refuseSTS(r, nil, no)
	}
	a, no := s.verify(form.Get("WebIdentityToken"), demand{algs: asymmetric[3:6], require: []string{"sub", "aud", "iat", "exp"}})
	if no != nil {
		return s.refuseSTS(r, a, stsAssertion(no))
	}
	if no := trusts(role, form, a); no != nil {
		return s.refuseSTS(r, a, no)
	}
	return s.grantSession(r, role, form, duration, a)
}

func readSTS(r *request) (url.Values, *refusal) {
	invalid := func(text string) *refusal { return refuse("ValidationError", text) }
	switch {
	case r.method != http.MethodPost || r.rawQuery != "":
		return nil, &refusal{reason: "MalformedInput", detail: "POST a form", status: 400}
	case r.contentType() != "application/x-www-form-urlencoded":
		return nil, &refusal{reason: "MalformedInput", detail: "Content-Type", status: 400}
	}
	form, err := url.ParseQuery(string(r.body))
	if err != nil {
		return nil, &refusal{reason: "MalformedInput", detail: err.Error(), status: 400}
	}
	for name, values := range form {
		if !stsParameter.MatchString(name) || len(values) != 1 {
			return nil, invalid("parameter " + name + " is unknown or given twice")
		}
	}
	if form.Get("Action") != "AssumeRoleWithWebIdentity" || form.Get("Version") != "2011-06-15" {
		return nil, refuse("InvalidAction", "Could not find operation "+form.Get("Action")+" for version "+form.Get("Version"))
	}
	length := func(name string, least, most int, required bool) *refusal {
		n := len(form.Get(name))
		if !form.Has(name) && !required || least <= n && n <= most {
			return nil
		}
		return invalid(fmt.Sprintf("1 validation error detected: Value at '%s' failed to satisfy constraint: length between %d and %d", name, least, most))
	}
	for _, no := range []*refusal{
		length("RoleArn", 20, 2048, true), length("RoleSessionName", 2, 64, true), length("WebIdentityToken", 4, 20000, true),
		length("Policy", 1, 2048, false),
	} {
		if no != nil {
			return nil, no
		}
	}
	switch {
	case !sessionForm.MatchString(form.Get("RoleSessionName")):
		return nil, invalid("1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint: [\\w+=,.@-]*")
	case form.Has("ProviderId"):
		return nil, invalid("ProviderId is for OAuth 2.0 access tokens only")
	case form.Has("Policy") && !json.Valid([]byte(form.Get("Policy"))):
		return nil, refuse("MalformedPolicyDocument", "Syntax errors in policy.")
	}
	return form, policyARNs(form)
}

// policyARNs: members are numbered from 1 without a gap, ten at most.
func policyARNs(form url.Values) *refusal {
	n := 0
	for name := range form {
		if strings.HasPrefix(name, "PolicyArns.") {
			n++
		}
	}
	for i := 1; i <= n; i++ {
		if !strings.HasPrefix(form.Get("PolicyArns.member."+strconv.Itoa(i)+".arn"), "arn:") {
			return refuse("ValidationError", "PolicyArns")
		}
	}
	if n > 10 {
		return refuse("ValidationError", "PolicyArns: at most 10")
	}
	return nil
}

func sessionDuration(form url.Values, role Role) (time.Duration, *refusal) {
	if !form.Has("DurationSeconds") {
		return time.Hour, nil
	}
	n, err := strconv.Atoi(form.Get("DurationSeconds"))
	d := time.Duration(n) * time.Second
	switch {
	case err != nil || n < 900 || n > 43200:
		return 0, refuse("ValidationError", "1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint: between 900 and 43200")
	case d > role.MaxSession:
		return 0, refuse("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return d, nil
}

// stsAssertion gives a refused JWT the service's code; the reason stays in the
// history's detail.
func stsAssertion(no *refusal) *refusal {
	if no.reason == "expired" {
		return refuse("ExpiredTokenException", "Token expired")
	}
	return refuse("InvalidIdentityToken", no.reason+" "+no.detail)
}

// trusts asks the account's OIDC provider and the role's trust policy.
func trusts(role Role, form url.Values, a *assertion) *refusal {
	known := false
	for _, aud := range a.aud {
		known = known || slices.Contains(role.ClientIDs, aud)
	}
	if !known {
		return refuse("InvalidIdentityToken", "Incorrect token audience")
	}
	like, err := path.Match(strings.ReplaceAll(role.Subject, "/", "\x00"), strings.ReplaceAll(a.sub, "/", "\x00"))
	if form.Get("RoleArn") != role.ARN || err != nil || !like {
		return refuse("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
	return nil
}

func (s *Sandbox) grantSession(r *request, role Role, form url.Values, d time.Duration, a *assertion) *reply {
	now := s.Now()
	expires := now.Add(d).UTC().Truncate(time.Second)
	keys := awsKeys{accessKey(), base64.StdEncoding.EncodeToString(random(30)), "IQoJ/+" + base64.StdEncoding.EncodeToString(random(241)), expires}
	s.grant(keys.id, &grant{provider: "aws", identity: r.identity, subject: a.sub, expires: expires, secret: keys.secret, session: keys.token,
		attrs: map[string]string{"arn": assumedARN(role.ARN, form.Get("RoleSessionName")), "policy": form.Get("Policy")}})
	id := s.accepted(r, "aws", a)
	return stsSession(r, role, form, keys, a, id)
}

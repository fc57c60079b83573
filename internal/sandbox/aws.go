package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
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

// Role is an IAM role and its trust policy. Empty fields get the values that
// AWSEnv names.
type Role struct {
	ARN    string // arn:aws:iam::123456789012:role/ci
	Region string // us-east-1: the region of both endpoints
	// ClientIDs are the audiences registered with the account's OIDC provider;
	// empty means sts.amazonaws.com.
	ClientIDs []string
	// Subject is the trust policy's StringLike condition on sub, with * and ?;
	// empty means the owner of the first job's repository.
	Subject string
	// MaxSession is MaxSessionDuration; 0 means 12 h.
	MaxSession time.Duration
}

// SetRole replaces the role that can be assumed.
func (s *Sandbox) SetRole(r Role) {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&r.ARN, "arn:aws:iam::123456789012:role/ci")
	set(&r.Region, "us-east-1")
	set(&r.Subject, ownerPrefix(s.Job()))
	if len(r.ClientIDs) == 0 {
		r.ClientIDs = []string{"sts.amazonaws.com"}
	}
	if r.MaxSession == 0 {
		r.MaxSession = 12 * time.Hour
	}
	s.mu.Lock()
	s.role = r
	s.mu.Unlock()
}

// Role is the role as it is now.
func (s *Sandbox) Role() Role {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.role
}

// AWSEnv points a client at the role.
func (s *Sandbox) AWSEnv() []string {
	r := s.Role()
	return []string{
		"AWF_AUTH_TYPE=github-oidc",
		"AWF_AUTH_PROVIDER=aws",
		"AWF_AUTH_OIDC_AUDIENCE=" + r.ClientIDs[0],
		"AWF_AUTH_AWS_ROLE_ARN=" + r.ARN,
		"AWF_AUTH_AWS_REGION=" + r.Region,
		"AWF_AUTH_AWS_TOKEN_URL=" + s.URL(HostSTS) + "/",
	}
}

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

// awsKeys are the credentials of one session.
type awsKeys struct {
	id, secret, token string
	expires           time.Time
}

func accessKey() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	b := random(16)
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return "ASIA" + string(b)
}

// assumedARN is the ARN of the session of a role.
func assumedARN(role, session string) string {
	parts := strings.SplitN(role, ":", 6)
	name := parts[5][strings.LastIndex(parts[5], "/")+1:]
	return "arn:" + parts[1] + ":sts::" + parts[4] + ":assumed-role/" + name + "/" + session
}

func stsSession(r *request, role Role, form url.Values, k awsKeys, a *assertion, id string) *reply {
	type credentials struct {
		AccessKeyID     string `xml:"AccessKeyId" json:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      any
	}
	type user struct {
		Arn           string
		AssumedRoleID string `xml:"AssumedRoleId" json:"AssumedRoleId"`
	}
	type result struct {
		Credentials                 credentials
		SubjectFromWebIdentityToken string
		AssumedRoleUser             user
		Provider                    string
		Audience                    string
		PackedPolicySize            int
	}
	type metadata struct {
		RequestID string `xml:"RequestId" json:"RequestId"`
	}
	type response struct {
		XMLName  xml.Name `xml:"AssumeRoleWithWebIdentityResponse" json:"-"`
		XMLNS    string   `xml:"xmlns,attr" json:"-"`
		Result   result   `xml:"AssumeRoleWithWebIdentityResult" json:"AssumeRoleWithWebIdentityResult"`
		Metadata metadata `xml:"ResponseMetadata" json:"ResponseMetadata"`
	}
	account := strings.Split(role.ARN, ":")[4]
	v := response{XMLNS: stsNamespace, Metadata: metadata{id}, Result: result{
		Credentials:                 credentials{k.id, k.secret, k.token, k.expires.Format(time.RFC3339)},
		SubjectFromWebIdentityToken: a.sub,
		AssumedRoleUser:             user{assumedARN(role.ARN, form.Get("RoleSessionName")), "AROASANDBOXROLE00000:" + form.Get("RoleSessionName")},
		Provider:                    "arn:aws:iam::" + account + ":oidc-provider/" + strings.TrimPrefix(strings.TrimPrefix(a.iss, "https://"), "http://"),
		Audience:                    strings.Join(a.aud, " "),
	}}
	if wantsJSON(r) {
		v.Result.Credentials.Expiration = float64(k.expires.Unix()) // as the live service is reported to do
		return respondJSON(http.StatusOK, map[string]any{"AssumeRoleWithWebIdentityResponse": v}).with("X-Amzn-RequestId", id)
	}
	b, err := xml.MarshalIndent(v, "", "  ")
	if err != nil {
		return respond(http.StatusInternalServerError, "text/plain", []byte(err.Error()))
	}
	return respond(http.StatusOK, "text/xml", append(b, '\n')).with("X-Amzn-RequestId", id)
}

func wantsJSON(r *request) bool {
	return strings.HasPrefix(strings.ToLower(r.header.Get("Accept")), "application/json")
}

func (s *Sandbox) refuseSTS(r *request, a *assertion, no *refusal) *reply {
	p := stsError(r, no)
	s.refused(r, "aws", a, no, p.status, p.header.Get("X-Amzn-RequestId"))
	return p
}

// stsError is the service's error in the format that was asked for.
func stsError(r *request, no *refusal) *reply {
	status := no.status
	if status == 0 {
		status = http.StatusBadRequest
		switch no.reason {
		case "AccessDenied", "IDPRejectedClaim", "RegionDisabledException", "InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken":
			status = http.StatusForbidden
		}
	}
	kind, id := "Sender", uuid()
	if status >= 500 {
		kind = "Receiver"
	}
	type object struct{ Type, Code, Message string }
	e := object{kind, no.reason, cmpOr(no.detail, no.reason)}
	if wantsJSON(r) {
		return respondJSON(status, map[string]any{"Error": e, "RequestId": id}).with("X-Amzn-RequestId", id)
	}
	b, err := xml.MarshalIndent(struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		XMLNS     string   `xml:"xmlns,attr"`
		Error     object
		RequestID string `xml:"RequestId"`
	}{XMLNS: stsNamespace, Error: e, RequestID: id}, "", "  ")
	if err != nil {
		return respond(http.StatusInternalServerError, "text/plain", []byte(err.Error()))
	}
	return respond(status, "text/xml", append(b, '\n')).with("X-Amzn-RequestId", id)
}

// signer verifies signatures made with sessions that were granted.
func (s *Sandbox) signer(service string) SigV4 {
	return SigV4{Region: s.Role().Region, Service: service, Now: s.Now(), Normalize: true, Secret: s.awsSecret}
}

func (s *Sandbox) awsSecret(key string) (string, string, bool) {
	g, _ := s.granted("aws", key)
	if g == nil {
		return "", "", false
	}
	return g.secret, g.session, true
}

// signed is what the signature of r covers.
func (r *request) signed() SignedRequest {
	return SignedRequest{Method: r.method, Target: r.target, Host: r.hostname, Header: r.header, Body: r.body}
}

// callerIdentity answers GetCallerIdentity, the one signed call of STS here.
func (s *Sandbox) callerIdentity(r *request) *reply {
	key, no := s.signer("sts").check(r.signed())
	if no == nil {
		_, no = s.granted("aws", key)
	}
	form, err := url.ParseQuery(string(r.body))
	if no == nil && (err != nil || form.Get("Action") != "GetCallerIdentity") {
		no = refuse("InvalidAction", form.Get("Action"))
	}
	if no != nil {
		return stsError(r, &refusal{reason: stsSignature(no.reason), detail: no.detail, status: http.StatusForbidden})
	}
	g, _ := s.granted("aws", key)
	body := fmt.Sprintf(`<GetCallerIdentityResponse xmlns=%q><GetCallerIdentityResult><Arn>%s</Arn><UserId>AROASANDBOXROLE00000</UserId>`+
		`<Account>%s</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></GetCallerIdentityResponse>`,
		stsNamespace, g.attrs["arn"], strings.Split(g.attrs["arn"], ":")[4], uuid())
	return respond(http.StatusOK, "text/xml", []byte(body))
}

func stsSignature(reason string) string {
	switch reason {
	case "InvalidSignatureException":
		return "SignatureDoesNotMatch"
	case "token_expired":
		return "ExpiredToken"
	case "InvalidAction":
		return reason
	}
	return "InvalidClientTokenId"
}

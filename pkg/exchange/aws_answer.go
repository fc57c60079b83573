package exchange

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/scrub"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// stsNamespace is that of every STS answer (STS API reference).
const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

// awsGrant reads AssumeRoleWithWebIdentityResponse.
func (r *reply) awsGrant(a Assertion) (Credential, *Error) {
	if e := r.whole(); e != nil {
		return Credential{}, e
	}
	root, err := readXML(r.body, stsNamespace)
	if err != nil {
		return Credential{}, r.useless("Credentials cannot be read: the answer " + err.Error())
	}
	if id := root.child("ResponseMetadata").value("RequestId"); id != "" && r.requestID == "" {
		r.requestID = id
	}
	keys := root.child("AssumeRoleWithWebIdentityResult").child("Credentials")
	if root.name != "AssumeRoleWithWebIdentityResponse" || keys == nil {
		if root.name == "ErrorResponse" {
			return Credential{}, r.fail(Refused, complaint{root.child("Error").value("Code"), "Credentials is absent: " + root.child("Error").value("Message")})
		}
		return Credential{}, r.useless("Credentials is absent")
	}
	id, key, token := keys.value("AccessKeyId"), keys.value("SecretAccessKey"), keys.value("SessionToken")
	if e := r.checkKeys(id, key, token, a); e != nil {
		return Credential{}, e
	}
	expiry, ok := awsTime(keys.value("Expiration"))
	if !ok {
		return Credential{}, r.useless("Expiration is absent or not a time")
	}
	life, ok := r.until(expiry)
	if !ok {
		return Credential{}, r.useless("Expiration is past or beyond belief")
	}
	c := r.credential(AWS, life)
	c.AWS = &AWSKeys{AccessKeyID: secret.New(id), SecretAccessKey: secret.New(key), SessionToken: secret.New(token)}
	return c, nil
}

// checkKeys tells the three strings apart: an access key id is 16 to 128 capitals
// and digits (IAM reference, "Unique identifiers"), a secret key is not.
func (r *reply) checkKeys(id, key, token string, a Assertion) *Error {
	switch {
	case len(id) < 16 || len(id) > 128 || !all(id, func(c byte) bool { return isUpper(c) || isDigit(c) }):
		return r.useless("AccessKeyId is absent or not 16 to 128 capital letters and digits")
	case len(key) < 16 || len(key) > 128 || !all(key, func(c byte) bool { return isIDByte(c) || c == '+' || c == '/' || c == '=' }):
		return r.useless("SecretAccessKey is absent or not 16 to 128 characters of base64")
	}
	return r.checkToken("SessionToken", token, a)
}

// awsTime reads Expiration: RFC 3339 as documented, or the seconds since 1970 that
// the JSON form of the answer is reported to have.
func awsTime(s string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f < math.MaxInt32*8) {
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0), true
}

// awsThrottled are the codes for "later", whatever the status (botocore, retry
// modes).
const awsThrottled = " Throttling Throttled RequestThrottled TooManyRequests RequestLimitExceeded ProvisionedThroughputExceeded BandwidthLimitExceeded LimitExceeded SlowDown PriorRequestNotComplete EC2Throttled RequestTimeout "

// refusal reads ErrorResponse.
func (x *AWSRole) refusal(r *reply, a Assertion) *Error {
	var said complaint
	if root, err := readXML(r.body, stsNamespace); err == nil && root.name == "ErrorResponse" {
		said = complaint{root.child("Error").value("Code"), root.child("Error").value("Message")}
		if id := root.value("RequestId"); id != "" && r.requestID == "" {
			r.requestID = id
		}
	}
	code := strings.TrimSuffix(said.code, "Exception")
	if r.status >= 400 && (code == "IDPCommunicationError" || code != "" && strings.Contains(awsThrottled, " "+code+" ")) {
		e := r.unavailable(said)
		if code == "IDPCommunicationError" {
			e.Hint = "AWS could not fetch the issuer's keys in time: if it lasts, is " + quoted(a.Issuer) + " reachable from the Internet?"
		}
		return e
	}
	e := r.refused(said)
	if e.Cause != Refused {
		return e
	}
	if code == "ExpiredToken" || code == "InvalidIdentityToken" {
		e.Retries = 1 // a new assertion helps when the old one was late, or its key new
	}
	e.Hint = x.hint(r, code, a).String()
	return e
}

// chinaAudience is the client id that is customary in that partition (AWS's
// configure-aws-credentials action).
func chinaAudience(region string) string {
	if AWSPartitionOf(region).Name == "aws-cn" {
		return ": in China it is often sts.amazonaws.com.cn"
	}
	return ""
}

func (x *AWSRole) hint(r *reply, code string, a Assertion) hints {
	var h hints
	switch code {
	case "ExpiredToken":
		h.add("the assertion had expired when AWS looked at it: present it sooner, or check this machine's clock")
	case "InvalidIdentityToken":
		h.add("the account needs an IAM OIDC provider for " + quoted(a.Issuer) + " with the client id (audience) " + quoted(x.p.Audience) + "; presented: " + presented(a))
		h.add("AWF_AUTH_OIDC_AUDIENCE (--oidc-audience) sets the audience, if the provider has another client id" + chinaAudience(x.p.Region))
	case "AccessDenied":
		h.add("compare the trust policy of " + scrub.Text(x.p.RoleARN) + " with what was presented: " + presented(a))
		if form := subjectForm(a); form != "" {
			h.add(form)
		}
		h.add("is AWF_AUTH_AWS_ROLE_ARN (--aws-role-arn) the right role? A new trust policy takes a minute to be seen")
	case "IDPRejectedClaim":
		h.add("AWS did not accept a claim; presented: " + presented(a))
	case "MalformedPolicyDocument", "PackedPolicyTooLarge":
		h.add("check AWF_AUTH_AWS_SESSION_POLICY (--aws-session-policy) and AWF_AUTH_AWS_POLICY_ARNS (--aws-policy-arns)")
	case "RegionDisabled":
		h.add("enable STS in region " + x.p.Region + " in the account's settings, or use another AWF_AUTH_AWS_REGION (--aws-region)")
	case "ValidationError", "InvalidParameterValue":
		h.add("is AWF_AUTH_AWS_DURATION (--aws-duration), " + x.p.Duration.String() + ", above the role's maximum session duration?")
	}
	h.otherwise(r, a, "AWF_AUTH_AWS_TOKEN_URL (--aws-token-url), a whole URL, or AWS_ENDPOINT_URL_STS, a base")
	return h
}

package sandbox

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"time"
)

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

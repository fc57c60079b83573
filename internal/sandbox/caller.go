package sandbox

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

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

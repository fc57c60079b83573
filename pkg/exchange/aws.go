package exchange

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/awf-cred/awf-cred/internal/strictjson"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// Bounds and defaults of AssumeRoleWithWebIdentity (STS API reference).
const (
	awsAudience     = "sts.amazonaws.com"
	awsVersion      = "2011-06-15"
	awsMinDuration  = 900 * time.Second
	awsMaxDuration  = 43200 * time.Second
	awsDuration     = time.Hour
	awsSessionName  = "awf-cred"
	maxPolicy       = 2048 // characters of a session policy
	maxPolicyARNs   = 10
	formContentType = "application/x-www-form-urlencoded"
)

// AWSParams are the parameters of AssumeRoleWithWebIdentity. RoleARN and Region
// are required.
type AWSParams struct {
	RoleARN     string
	Region      string
	SessionName string        // empty: awf-cred
	Duration    time.Duration // 900 s to 12 h, at most the role's own maximum; 0: 1 h
	// SessionPolicy is a JSON policy that narrows the role, PolicyARNs managed
	// policies that do; empty for none.
	SessionPolicy string
	PolicyARNs    []string
	UseFIPS       bool
	UseDualStack  bool

	TokenURL string // the whole URL; empty: the regional endpoint
	Endpoint string // base URL as in AWS_ENDPOINT_URL_STS; TokenURL is stronger
	Audience string // empty: sts.amazonaws.com

	UserAgent string
	Now       func() time.Time // nil: time.Now
}

// AWSRole exchanges assertions for temporary credentials of a role.
type AWSRole struct {
	caller
	p   AWSParams
	url string
}

// NewAWS checks every parameter and returns all that is wrong at once.
func NewAWS(p AWSParams, d Doer) (*AWSRole, error) {
	if p.SessionName == "" {
		p.SessionName = awsSessionName
	}
	if p.Duration == 0 {
		p.Duration = awsDuration
	}
	if p.Audience == "" {
		p.Audience = awsAudience
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return &AWSRole{newCaller("aws", p.endpoint(), d, p.Now, p.UserAgent), p, p.endpoint()}, nil
}

func (p AWSParams) check() error {
	var bad problems
	role := CheckAWSRoleARN
	if p.TokenURL != "" || p.Endpoint != "" {
		role = CheckAWSAnyRoleARN
	}
	bad.required("role_arn", p.RoleARN, role)
	bad.required("region", p.Region, CheckAWSRegion)
	if len(bad) == 0 && p.TokenURL == "" && p.Endpoint == "" {
		bad.add(CheckAWSPartition(p.RoleARN, p.Region))
	}
	bad.optional("role_session_name", p.SessionName, CheckAWSSessionName)
	bad.optional("token_url", p.TokenURL, CheckEndpoint)
	bad.optional("AWS_ENDPOINT_URL_STS", p.Endpoint, CheckBase)
	bad.optional("audience", p.Audience, checkAudience)
	bad.optional("session_policy", p.SessionPolicy, CheckAWSSessionPolicy)
	if p.Duration < awsMinDuration || p.Duration > awsMaxDuration || p.Duration%time.Second != 0 {
		bad.add(errors.New("duration is not 15m to 12h in whole seconds"))
	}
	if err := CheckAWSPolicyARNs(p.PolicyARNs); err != nil {
		bad.add(fmt.Errorf("policy_arns %w", err))
	}
	return bad.err("aws")
}

// CheckAWSSessionPolicy says why value is not a JSON object of at most 2,048
// characters.
func CheckAWSSessionPolicy(value string) error {
	if n := utf8.RuneCountInString(value); n > maxPolicy {
		return fmt.Errorf("has %d characters, more than %d", n, maxPolicy)
	}
	if _, err := strictjson.Object([]byte(value)); err != nil {
		return fmt.Errorf("is not a JSON policy: it %w", err)
	}
	return nil
}

// CheckAWSPolicyARNs says why list is not at most ten ARNs of managed policies.
func CheckAWSPolicyARNs(list []string) error {
	if len(list) > maxPolicyARNs {
		return fmt.Errorf("has %d entries, more than %d", len(list), maxPolicyARNs)
	}
	for _, arn := range list {
		if err := checkPolicyARN(arn); err != nil {
			return err
		}
	}
	return nil
}

// CheckBase says why value is not the base of an endpoint, a URL that a path is
// added to.
func CheckBase(value string) error {
	if strings.Contains(value, "?") {
		return errors.New("has a query")
	}
	return CheckEndpoint(value)
}

func (p AWSParams) endpoint() string {
	switch {
	case p.TokenURL != "":
		return p.TokenURL
	case p.Endpoint != "":
		return strings.TrimSuffix(p.Endpoint, "/") + "/"
	}
	return stsEndpoint(p.Region, p.UseFIPS, p.UseDualStack)
}

// Endpoint is the URL that assertions are sent to.
func (x *AWSRole) Endpoint() string { return x.url }

// Audience is what the assertion must be minted for.
func (x *AWSRole) Audience() string { return x.p.Audience }

// Fingerprint names endpoint and parameters.
func (x *AWSRole) Fingerprint() string {
	return fingerprint(append([]string{
		"aws", x.url, x.p.Audience, x.p.Region, x.p.RoleARN, x.p.SessionName, x.p.Duration.String(), x.p.SessionPolicy,
	}, x.p.PolicyARNs...)...)
}

// SingleUse is false: STS takes an assertion again while it is valid.
func (x *AWSRole) SingleUse(Assertion) bool { return false }

// Exchange presents the assertion once.
func (x *AWSRole) Exchange(ctx context.Context, a Assertion) (Credential, error) {
	if e := x.check(a); e != nil {
		return Credential{}, e
	}
	r, e := x.post(ctx, request{
		step: stepExchange, url: x.url, contentType: formContentType, body: []byte(x.form(a).Encode()), secrets: []secret.Value{a.Token},
	})
	if e != nil {
		return Credential{}, e
	}
	r.id("X-Amzn-Requestid")
	if r.status != http.StatusOK {
		return Credential{}, x.refusal(r, a)
	}
	c, e := r.awsGrant(a)
	if e != nil {
		return Credential{}, e
	}
	return c, nil
}

// form is the body. The call is not signed, and is never a GET: a query would leave
// the assertion in the logs of proxies. ProviderId is for providers that do not
// speak OIDC. Without an Accept header the answer is XML, the documented form.
func (x *AWSRole) form(a Assertion) url.Values {
	f := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {awsVersion}, "RoleArn": {x.p.RoleARN}, "RoleSessionName": {x.p.SessionName},
		"DurationSeconds": {strconv.Itoa(int(x.p.Duration / time.Second))}, "WebIdentityToken": {a.Token.Reveal()},
	}
	if x.p.SessionPolicy != "" {
		f.Set("Policy", x.p.SessionPolicy)
	}
	for i, arn := range x.p.PolicyARNs {
		f.Set("PolicyArns.member."+strconv.Itoa(i+1)+".arn", arn)
	}
	return f
}

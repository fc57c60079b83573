package output

import "github.com/awf-cred/awf-cred/pkg/exchange"

// credentialShape is what `token --format json` and `exchange --format json`
// print. Fields may be added; these stay.
type credentialShape struct {
	Provider string        `json:"provider"`
	Profile  string        `json:"profile"`
	Kind     exchange.Kind `json:"kind"`
	*tokenShape
	*awsShape
	TokenType *string `json:"token_type"`
	ExpiresAt *string `json:"expires_at"` // RFC 3339, UTC
	ExpiresIn *int64  `json:"expires_in"` // whole seconds left when printed
	IssuedAt  *string `json:"issued_at"`  // RFC 3339, UTC
	Scope     *string `json:"scope"`
	RequestID *string `json:"request_id"`
	Cached    bool    `json:"cached"`
}

type tokenShape struct {
	Token string `json:"token"`
}

type awsShape struct {
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
	SessionToken    string `json:"session_token"`
}

func credentialJSON(g Grant) ([]byte, error) {
	c := g.Credential
	shape := credentialShape{
		Provider: c.Provider, Profile: g.Profile, Kind: c.Kind,
		ExpiresAt: stamp(c.ExpiresAt), ExpiresIn: left(c.ExpiresAt, g.Now), IssuedAt: stamp(c.IssuedAt),
		Scope: known(c.Scope), RequestID: known(c.RequestID), Cached: g.Cached,
	}
	if c.Kind == exchange.AWS {
		shape.awsShape = &awsShape{
			AccessKeyID:     c.AWS.AccessKeyID.Reveal(),
			SecretAccessKey: c.AWS.SecretAccessKey.Reveal(),
			SessionToken:    c.AWS.SessionToken.Reveal(),
		}
	} else {
		shape.tokenShape = &tokenShape{Token: c.Token.Reveal()}
	}
	if c.Kind == exchange.Bearer {
		shape.TokenType = known("Bearer")
	}
	return JSON(shape)
}

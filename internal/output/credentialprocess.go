package output

// processShape is the answer of a credential_process (AWS SDK reference, "Process
// credential provider"). Version is the integer 1; without Expiration the SDKs
// would never ask again.
type processShape struct {
	Version         int     `json:"Version"`
	AccessKeyID     string  `json:"AccessKeyId"`
	SecretAccessKey string  `json:"SecretAccessKey"`
	SessionToken    string  `json:"SessionToken"`
	Expiration      *string `json:"Expiration,omitempty"` // RFC 3339
}

func credentialProcess(g Grant) ([]byte, error) {
	keys := g.Credential.AWS
	return JSON(processShape{
		Version: 1, AccessKeyID: keys.AccessKeyID.Reveal(), SecretAccessKey: keys.SecretAccessKey.Reveal(),
		SessionToken: keys.SessionToken.Reveal(), Expiration: stamp(g.Credential.ExpiresAt),
	})
}

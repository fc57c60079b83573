package output

import "github.com/awf-cred/awf-cred/pkg/exchange"

// bedrockKey is a key for AWS_BEARER_TOKEN_BEDROCK: made of temporary keys, or the
// static one as it is.
func bedrockKey(g Grant) ([]byte, error) {
	if g.Credential.Kind == exchange.APIKey {
		return bare(g)
	}
	key, err := g.APIKey(g.Credential)
	if err != nil {
		return nil, err
	}
	return []byte(key.Reveal() + "\n"), nil
}

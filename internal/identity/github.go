package identity

import (
	"context"

	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/ghoidc"
)

// github mints at the endpoint of the job; the client looks at the token by the
// date of the answer.
type github struct{ client *ghoidc.Client }

// Assertion mints a token for audience.
func (g *github) Assertion(ctx context.Context, audience string) (exchange.Assertion, error) {
	t, err := g.client.Mint(ctx, audience)
	if err != nil {
		return exchange.Assertion{}, err
	}
	return t.Assertion(), nil
}

// Fingerprint names the job by its request credentials.
func (g *github) Fingerprint(context.Context) (string, error) { return g.client.Fingerprint(), nil }

package cli

import (
	"context"
	"strings"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// runExecutable is `token --format gcp-executable`: the answer to Google's
// libraries (AIP-4117). They make the exchange, so it is the identity token that
// they get; whatever fails is told on standard output with exit 0, as they want it.
// No file is written for GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE: an identity token
// does not belong on a disk, and the library asks again.
func runExecutable(ctx context.Context, a *app) error {
	b, err := a.executable(ctx)
	if err != nil {
		if _, yes := interruption(ctx); yes {
			return err
		}
		if b, err = output.GCPExecutableFailure(describe(err)); err != nil {
			return err
		}
	}
	return a.out.send("the answer", b)
}

func (a *app) executable(ctx context.Context) ([]byte, error) {
	tokenType := strings.TrimSpace(a.env("GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE"))
	switch tokenType {
	case "":
		tokenType = output.TokenTypeJWT
	case output.TokenTypeJWT, output.TokenTypeIDToken:
	default:
		return nil, usage("GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE", "is not a type of token that there is",
			"set subject_token_type in the credentials file to "+output.TokenTypeJWT)
	}
	_, p, err := a.resolve((*config.Config).SelectIdentity)
	if err != nil {
		return nil, err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	assertion, err := a.mint(ctx, p, executableAudience(a.env("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE")))
	if err != nil {
		return nil, err
	}
	if assertion.ExpiresAt.IsZero() {
		return nil, &exchange.Error{Step: "mint", Cause: exchange.Identity, Description: "the identity token has no expiry"}
	}
	return output.GCPExecutable(tokenType, assertion.Token, assertion.ExpiresAt)
}

// executableAudience is the audience that a provider expects in the JWT, from the
// form in which the credentials file names it. Empty: the profile's.
func executableAudience(audience string) string {
	audience = strings.TrimSpace(audience)
	if strings.HasPrefix(audience, "//") {
		return "https:" + audience
	}
	return audience
}

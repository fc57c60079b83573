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
//
// The libraries for Node and Python read standard output and standard error as one,
// so that a warning, a retry or a mask would spoil the answer: to a library, which
// always names an audience, nothing is said beside it. It keeps what it reads, and
// the token comes near no log.
func runExecutable(ctx context.Context, a *app) error {
	if a.isSet("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE") {
		a.err.mute(true)
		defer a.err.mute(false) // an error that ends the program is told
	}
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
	assertion, err := a.mint(ctx, p, executableAudience(p, a.env("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE")))
	if err != nil {
		return nil, err
	}
	if assertion.ExpiresAt.IsZero() {
		return nil, &exchange.Error{Step: "mint", Cause: exchange.Identity, Description: "the identity token has no expiry"}
	}
	return output.GCPExecutable(tokenType, assertion.Token, assertion.ExpiresAt)
}

// executableAudience is the audience that a provider of Google Cloud expects in the
// JWT, from the form in which the credentials file names it. A provider may list
// others: what a profile for Google Cloud or the flag says is stronger. Empty: the
// profile's.
func executableAudience(p *config.Profile, audience string) string {
	if set := p.Audience; set.Value != "" && (p.Provider == "gcp" || set.Origin.Kind == config.FromFlag) {
		return set.Value
	}
	audience = strings.TrimSpace(audience)
	if strings.HasPrefix(audience, "//") {
		return "https:" + audience
	}
	return audience
}

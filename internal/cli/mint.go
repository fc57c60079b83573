package cli

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/jwt"
	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

type mintOptions struct {
	audience string
	format   string
}

func newMintCmd(a *app) *cobra.Command {
	var o mintOptions
	cmd := &cobra.Command{
		Use:   "mint",
		Short: "Print the identity token of this workload",
		Long: `Print the identity token (a JWT) of this workload: minted by GitHub Actions, or
read from the file, variable or command that is configured. It is not sent
anywhere. Whoever has it can take this workload's place until it expires.`,
		Example: `  awf-cred mint
  awf-cred mint --audience https://api.anthropic.com --format json
  awf-cred mint --identity file:token.jwt --format json`,
		Args:        noArguments,
		Annotations: map[string]string{usesSettings: "yes"},
		RunE:        a.action(func(ctx context.Context, _ []string) error { return runMint(ctx, a, o) }),
	}
	cmd.Flags().StringVar(&o.audience, "audience", "", "`audience` to ask for (default: the provider's)")
	cmd.Flags().StringVar(&o.format, "format", "token", "`word`: token or json, which adds the claims and the expiry")
	return cmd
}

func runMint(ctx context.Context, a *app, o mintOptions) error {
	if err := checkChoice("format", o.format, []string{"token", "json"}); err != nil {
		return err
	}
	_, p, err := a.resolve((*config.Config).SelectIdentity)
	if err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	assertion, err := a.mint(ctx, p, o.audience)
	if err != nil {
		return err
	}
	if o.format == "token" {
		return a.out.send("the identity token", output.MintToken(assertion.Token))
	}
	claims, err := jwt.Parse(assertion.Token.Reveal())
	if err != nil {
		return &exchange.Error{Step: "mint", Cause: exchange.Identity, Err: err}
	}
	payload, err := json.Marshal(claims.All)
	if err != nil {
		return err
	}
	b, err := output.MintJSON(assertion.Token, payload, claims.ExpiresAt, a.sys.Clock.Now())
	if err != nil {
		return err
	}
	return a.out.send("the identity token", b)
}

// mint obtains an assertion with the retries of a mint.
func (a *app) mint(ctx context.Context, p *config.Profile, audience string) (exchange.Assertion, error) {
	if audience == "" {
		audience = audienceOf(p)
	}
	s, err := a.minter(p)
	if err != nil {
		return exchange.Assertion{}, err
	}
	return s.Assertion(ctx, audience)
}

// audienceOf is the audience that the profile or else its provider wants; empty
// for the issuer's own default, when no provider is known.
func audienceOf(p *config.Profile) string {
	if p.Audience.Value != "" {
		return p.Audience.Value
	}
	v, ok := provider.Lookup(p.Provider)
	if !ok || v.Audience == nil {
		return ""
	}
	return v.Audience(p.Values)
}

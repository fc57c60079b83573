package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/awf-cred/awf-cred/internal/sandbox"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// An exchange presents an assertion once. What went wrong, and whether another
// attempt with a new assertion can help, is in the error.
func ExampleAnthropic_Exchange() {
	ctx := context.Background()
	vendor, err := sandbox.Run(ctx, sandbox.Config{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = vendor.Close() }()
	setting := func(name string) string {
		for _, line := range vendor.AnthropicEnv() {
			if value, ok := strings.CutPrefix(line, "AWF_AUTH_ANTHROPIC_"+name+"="); ok {
				return value
			}
		}
		return ""
	}

	anthropic, err := exchange.NewAnthropic(exchange.AnthropicParams{
		FederationRuleID: setting("FEDERATION_RULE_ID"),
		OrganizationID:   setting("ORGANIZATION_ID"),
		ServiceAccountID: setting("SERVICE_ACCOUNT_ID"),
		TokenURL:         vendor.AnthropicTokenURL(), // empty: the vendor's
	}, http.DefaultClient)
	if err != nil {
		panic(err)
	}
	fmt.Println(anthropic.Audience())

	_, err = anthropic.Exchange(ctx, exchange.Assertion{Token: secret.New("eyJhbGciOiJub25lIn0.e30.")})
	var refusal *exchange.Error
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Cause, refusal.Status, refusal.Code, "- further attempts:", refusal.Retries)
	}
	// Output:
	// https://api.anthropic.com
	// refused 401 authentication_error - further attempts: 0
}

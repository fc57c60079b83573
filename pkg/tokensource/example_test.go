package tokensource_test

import (
	"context"
	"fmt"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// exampleJob is an identity that can mint; the product has one for GitHub, for
// files, variables and commands.
type exampleJob struct{}

func (exampleJob) Assertion(context.Context, string) (exchange.Assertion, error) {
	return exchange.Assertion{Token: secret.New("a.b.c")}, nil
}
func (exampleJob) Fingerprint(context.Context) (string, error) { return "job 1", nil }

// exampleProvider grants tokens for an hour.
type exampleProvider struct{}

func (exampleProvider) Audience() string                  { return "https://api.example" }
func (exampleProvider) Fingerprint() string               { return "provider" }
func (exampleProvider) SingleUse(exchange.Assertion) bool { return false }
func (exampleProvider) Exchange(context.Context, exchange.Assertion) (exchange.Credential, error) {
	now := time.Now()
	return exchange.Credential{Kind: exchange.Bearer, Token: secret.New("t"), IssuedAt: now, ExpiresAt: now.Add(time.Hour)}, nil
}

func ExampleSource_Credential() {
	s, err := tokensource.New(tokensource.Options{Identity: exampleJob{}, Exchanger: exampleProvider{}, Clock: newTestClock()})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := s.Credential(ctx) // one exchange
	fmt.Println(c.Lifetime(), c.Token, err)
	again, err := s.Credential(ctx) // from memory
	fmt.Println(again.Same(c), err)
	// Output:
	// 1h0m0s (redacted) <nil>
	// true <nil>
}

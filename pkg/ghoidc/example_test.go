package ghoidc_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/awf-cred/awf-cred/internal/sandbox"
	"github.com/awf-cred/awf-cred/pkg/ghoidc"
)

// A job with `permissions: id-token: write` mints a token for the audience that
// the provider expects. Outside of this test, the environment is os.Getenv.
func ExampleClient_Mint() {
	ctx := context.Background()
	github, err := sandbox.Run(ctx, sandbox.Config{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = github.Close() }()

	options := ghoidc.FromEnv(lookup(github.GitHubEnv()))
	options.Doer, options.Now = http.DefaultClient, time.Now
	client, err := ghoidc.New(options)
	if err != nil {
		panic(err)
	}
	token, err := client.Mint(ctx, "https://api.anthropic.com")
	if err != nil {
		panic(err)
	}
	fmt.Println(token.Subject)
	fmt.Println(token.Audience)
	fmt.Println(token.Value) // not by accident
	// Output:
	// repo:octo-org/octo-repo:ref:refs/heads/main
	// [https://api.anthropic.com]
	// (redacted)
}

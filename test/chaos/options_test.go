//go:build linux

package chaos

import (
	"time"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// shortLife grants tokens for an hour, as the vendor does by default.
var shortLife = sandbox.With(func(c *sandbox.Config) { c.Rule.TokenLifetime = time.Hour })

// opaqueJob has a request token that is no JWT and so never ends: for tests that
// move the clock by more than the six hours of a job.
var opaqueJob = sandbox.With(func(c *sandbox.Config) { c.Identity.RequestToken = "request-token-0123456789abcdef" })

package chaos

import (
	"time"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// shortLife grants tokens for an hour, as the vendor does by default.
var shortLife = sandbox.With(func(c *sandbox.Config) { c.Rule.TokenLifetime = time.Hour })

package serve

import (
	"context"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Sink is a place that is kept fresh with a profile's credential.
type Sink struct {
	Profile string
	Name    string // for messages: KIND:PATH
	// Write puts c there, whole or not at all.
	Write func(ctx context.Context, c exchange.Credential) error
	// Check finds out before anything is served whether Write can work.
	Check func() error
	// Remove takes away what Write put there, at the end; nil: it stays.
	Remove func() error
}

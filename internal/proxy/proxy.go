// Package proxy decides on one request: who may ask (client key, Host, Origin),
// what is asked (method, path), what is stripped, where it goes and which
// credential is set; when to renew one and ask again; and the error bodies.
// It knows no socket: bytes are package relay's.
package proxy

import (
	"context"

	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Credentials is the token source as the proxy needs it; safe for concurrent use.
type Credentials interface {
	Credential(ctx context.Context) (exchange.Credential, error)
	// Invalidate drops c after an upstream refused it; a newer one stays.
	Invalidate(c exchange.Credential)
}

// Injector sets the provider's credential on a head whose client credentials are
// gone. It is the last edit of the head.
type Injector func(h *relay.Head, c exchange.Credential) error

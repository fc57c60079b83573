// Package proxy decides on one request: who may ask (client key, Host, Origin),
// what is asked (method, path), what is stripped, where it goes and which
// credential is set; when to renew one and ask again; and the error bodies.
// It knows no socket: bytes are package relay's.
//
// [New] makes the [Policy] of one listener, which serves one profile. Its story is
// in policy.go: guard, strip, target, inject, and afterwards the answer. Every
// decision is a small function in a file of its own.
//
// Syntax is relay's: what gets here is one well-formed HTTP/1.1 request. Names of
// headers and parameters are compared without case and with _ for -, because some
// server behind us cannot tell them apart.
//
// Policies are safe for concurrent use and start no goroutine.
package proxy

import (
	"context"

	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Credentials is the token source as the proxy needs it; safe for concurrent use.
type Credentials interface {
	// Credential returns one that can be used now, from memory as a rule. It waits
	// no longer than ctx, and its errors are *exchange.Error.
	Credential(ctx context.Context) (exchange.Credential, error)
	// Invalidate drops c after an upstream refused it; a newer one stays. It is the
	// source that keeps forced renewals apart: while none may be made, Credential
	// goes on to return c.
	Invalidate(c exchange.Credential)
}

// Injector sets the provider's credential on a head whose client credentials are
// gone. It is the last edit of the head: Target is what goes upstream, Host is the
// upstream's. A *[Refusal] as error is answered to the client; any other error is
// a defect of ours.
type Injector func(h *relay.Head, c exchange.Credential) error

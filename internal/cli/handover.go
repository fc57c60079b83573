package cli

import (
	"context"
	"time"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// handover is the exchanger of a serve that keeps nothing but identity tokens fresh,
// for tools that exchange them themselves: what is minted is the credential. Nothing
// is sent anywhere.
type handover struct {
	provider string
	audience string
	now      func() time.Time
}

func (h handover) Audience() string                { return h.audience }
func (h handover) Fingerprint() string             { return "handover " + h.audience }
func (handover) SingleUse(exchange.Assertion) bool { return false }

func (h handover) Exchange(_ context.Context, a exchange.Assertion) (exchange.Credential, error) {
	return exchange.Credential{
		Provider: h.provider, Kind: exchange.Bearer, Token: a.Token, IssuedAt: h.now(), ExpiresAt: a.ExpiresAt, NoStore: a.ExpiresAt.IsZero(),
	}, nil
}

// handingOver wires a profile of which only the identity is used.
func (a *app) handingOver(p *config.Profile, how wiring) (*wired, error) {
	client, err := a.client(a.cfg)
	if err != nil {
		return nil, err
	}
	v, _ := provider.Lookup(p.Provider)
	w := &wired{Profile: p, Provider: v, Exchanger: handover{p.Provider, audienceOf(p), a.sys.Clock.Now}}
	if w.Identity, err = a.identity(p, client); err != nil {
		return nil, err
	}
	w.Tokens, err = tokensource.New(tokensource.Options{
		Provider: p.Provider, Profile: p.Name, Identity: w.Identity, Exchanger: w.Exchanger, Clock: a.sys.Clock,
		Rand: a.random, KeepGoing: how.KeepGoing, Log: a.log,
		Observe: func(e tokensource.Event) {
			a.masks.hide(e.Assertion.Token)
			if e.Kind != "exchange" && how.Observe != nil { // there is none
				how.Observe(e)
			}
		},
	})
	if err != nil {
		return nil, &exchange.Error{Step: "token source", Cause: exchange.Internal, Err: err}
	}
	w.source = w.Tokens
	return w, nil
}

package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// unusable is the source of a profile whose configuration cannot work: with
// --keep-serving its clients are told so, until a reload finds a better one.
type unusable struct{ err error }

var errNoCredential = errors.New("there is never a credential to set")

func (u unusable) Credential(context.Context) (exchange.Credential, error) {
	return exchange.Credential{}, u.err
}

func (unusable) Invalidate(exchange.Credential) {}

func (unusable) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (unusable) Held() (exchange.Credential, time.Duration, bool) {
	return exchange.Credential{}, 0, false
}

func (unusable) Subscribe(func(exchange.Credential)) (stop func()) { return func() {} }

// tolerate makes profiles that cannot work unusable instead of ending serve. Where
// not even the provider is known there is no port to say so on.
func (p *planner) tolerate(cfg *config.Config, names []string, profiles []*config.Profile, err error) error {
	p.broken = map[string]error{}
	for i, name := range names {
		if _, ok := provider.Lookup(profiles[i].Provider); !ok {
			return err
		}
		if _, one := cfg.Select(name); one != nil {
			p.unusable(name, profiles[i], one)
		}
	}
	return nil
}

// unusable notes what is wrong with a profile, by the name that it was asked for by,
// and says so.
func (p *planner) unusable(name string, profile *config.Profile, err error) {
	p.broken[name] = &exchange.Error{Step: "configuration", Cause: exchange.Usage, Err: err}
	p.app.log.Error("configuration cannot work, clients are told so", "profile", profile.Name, "reason", err,
		"hint", hintLine(describe(err).Hint))
}

// hintLine is a hint of several lines as a log has it.
func hintLine(hint string) string { return strings.ReplaceAll(hint, "\n", "; ") }

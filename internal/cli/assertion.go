package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/jwt"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// assertionSource is where `exchange` takes its assertion from when it was told:
// a file, which becomes the profile's identity, or standard input.
func (a *app) assertionSource(p *config.Profile, file string) (tokensource.Identity, error) {
	switch file {
	case "":
		return nil, nil
	case "-":
		return &stdin{app: a, p: p}, nil
	default:
		p.Identity = config.Identity{Type: config.File, Path: file, Origin: config.Origin{Kind: config.FromFlag, Name: "assertion-file"}}
		return nil, nil
	}
}

// stdin is an identity whose one assertion comes from standard input, which is read
// once, however many attempts there are.
type stdin struct {
	app  *app
	p    *config.Profile
	once sync.Once
	text string
	err  error
}

// Fingerprint never names a key of the cache: `exchange` uses none.
func (s *stdin) Fingerprint(context.Context) (string, error) { return "standard input", nil }

// Assertion reads standard input to its end.
func (s *stdin) Assertion(ctx context.Context, _ string) (exchange.Assertion, error) {
	s.once.Do(func() { s.text, s.err = s.read(ctx) })
	text := s.text
	if s.err != nil {
		return exchange.Assertion{}, s.wrong(s.err)
	}
	if text == "" {
		return exchange.Assertion{}, s.wrong(errors.New("nothing came in"))
	}
	claims, err := jwt.Parse(text)
	if err != nil {
		return exchange.Assertion{}, s.wrong(err)
	}
	if err := claims.Check(s.app.sys.Clock.Now(), jwt.Leeway); err != nil {
		return exchange.Assertion{}, s.wrong(err)
	}
	if s.p.Audience.Value != "" {
		if err := claims.CheckAudience(s.p.Audience.Value); err != nil {
			return exchange.Assertion{}, s.wrong(err)
		}
	}
	return exchange.Assertion{
		Token: secret.New(text), ID: claims.JTI(), ExpiresAt: claims.ExpiresAt, Only: true,
		Issuer: claims.Issuer, Subject: claims.Subject, Audience: claims.Audience,
	}, nil
}

// read is bounded in bytes and time; a terminal or a pipe may never end.
func (s *stdin) read(ctx context.Context) (string, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(io.LimitReader(s.app.sys.In, jwt.MaxBytes+64))
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return strings.TrimSpace(string(r.data)), r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (s *stdin) wrong(err error) error {
	return &exchange.Error{Step: "standard input", Cause: exchange.Identity, Err: err,
		Hint: "pipe one identity token into it: awf-cred mint | awf-cred exchange --assertion-file -"}
}

// minter is a token source that only mints.
func (a *app) minter(p *config.Profile) (*tokensource.Source, error) {
	client, err := a.client(a.cfg)
	if err != nil {
		return nil, err
	}
	id, err := a.identity(p, client)
	if err != nil {
		return nil, err
	}
	return tokensource.New(tokensource.Options{
		Provider: p.Provider, Profile: p.Name, Identity: id, Exchanger: noExchange{}, Clock: a.sys.Clock,
		Rand: a.random, Log: a.log,
		Observe: func(e tokensource.Event) { a.masks.hide(e.Assertion.Token) },
	})
}

// noExchange is the exchanger of a command that only mints.
type noExchange struct{}

func (noExchange) Audience() string                  { return "" }
func (noExchange) Fingerprint() string               { return "" }
func (noExchange) SingleUse(exchange.Assertion) bool { return false }
func (noExchange) Exchange(context.Context, exchange.Assertion) (exchange.Credential, error) {
	return exchange.Credential{}, &exchange.Error{Step: "exchange", Cause: exchange.Internal, Description: "is not part of this command"}
}

// short is a fingerprint fit to be shown: 12 hex digits of a digest.
func short(fingerprint string) string {
	sum := sha256.Sum256([]byte(fingerprint))
	return hex.EncodeToString(sum[:])[:12]
}

// identityLabel names the identity of a cache entry for people.
func (w *wired) identityLabel(ctx context.Context) string {
	fingerprint, err := w.Identity.Fingerprint(ctx)
	if err != nil {
		return ""
	}
	return short(fingerprint)
}

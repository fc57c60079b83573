package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// askEvery is the pause between two questions whether a serve is ready.
const askEvery = 50 * time.Millisecond

// pause waits a moment, or for the end of ctx.
func (a *app) pause(ctx context.Context) error {
	t := a.sys.Clock.NewTimer(askEvery)
	defer t.Stop()
	select {
	case <-t.C():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// await finds the serve, and with --wait asks until it holds a credential. The
// ready file is read anew each time: it may be that of an earlier serve.
func (o *viaOptions) await(ctx context.Context, a *app, p *config.Profile, consumer string) (*server, error) {
	if o.wait == 0 {
		return o.find(a, p, consumer)
	}
	ctx, cancel := context.WithTimeout(ctx, o.wait)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext}}
	var last error
	for {
		s, err := o.find(a, p, consumer)
		if err == nil {
			err = s.health(ctx, client)
		}
		switch {
		case err == nil:
			return s, nil
		case errors.Is(err, exchange.Usage):
			return nil, err
		case last == nil || ctx.Err() == nil: // the end of our own patience says nothing about the serve
			last = err
		}
		if a.pause(ctx) != nil {
			return nil, last
		}
	}
}

// health is nil when the serve is ready. The credentials endpoint has no such
// question.
func (s *server) health(ctx context.Context, client *http.Client) error {
	if s.base == nil {
		return nil
	}
	if err := ask(ctx, client, s.base); err != nil {
		return &exchange.Error{Step: "serve", Cause: exchange.Unavailable, Description: s.base.Host + " is not ready", Err: err}
	}
	return nil
}

// ask is nil when the serve is ready.
func ask(ctx context.Context, client *http.Client, base *url.URL) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.String()+"/health", nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers HTTP %d", res.StatusCode)
	}
	return nil
}

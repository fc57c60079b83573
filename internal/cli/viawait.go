package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

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

// await waits until the serve holds a credential.
func (s *server) await(ctx context.Context, a *app) error {
	if s.base == nil {
		return nil
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext}}
	for {
		state := health(ctx, client, s.base)
		if state == nil {
			return nil
		}
		if a.pause(ctx) != nil {
			return &exchange.Error{Step: "serve", Cause: exchange.Unavailable, Description: s.base.Host + " is not ready", Err: state}
		}
	}
}

// health is nil when the serve is ready.
func health(ctx context.Context, client *http.Client, base *url.URL) error {
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

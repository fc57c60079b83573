//go:build unix

package serve_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/serve"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// reloadWith is a Reload that makes a plan with f.
func reloadWith(f func() serve.Plan) func(context.Context) (serve.Plan, error) {
	return func(context.Context) (serve.Plan, error) { return f(), nil }
}

// reload asks for one and waits until it is over.
func (w *world) reload() {
	w.t.Helper()
	before := strings.Count(w.log.String(), "reload")
	w.hangup <- struct{}{}
	require.Eventually(w.t, func() bool { return strings.Count(w.log.String(), "reload") > before }, 10*time.Second, time.Millisecond)
}

func TestReloadKeepsTheCredentialOfAProfileThatIsTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(func(o *serve.Options) {
		o.Reload = reloadWith(func() serve.Plan {
			plan := w.plan()
			var err error
			plan.Listeners[0].Policy.Allow, err = proxy.ParseRules([]string{"GET /v1/models"}, nil)
			assert.NoError(t, err)
			return plan
		})
	})
	w.awaitReady()
	status, body := w.message(w.url())
	require.Equal(t, 200, status, body)
	w.reload()
	status, _ = w.message(w.url())
	assert.Equal(t, 403, status, "the new rules are in force")
	assert.EqualValues(t, 1, w.exchanges.Load())
	assert.Contains(t, w.log.String(), "reloaded")
}

func TestReloadReplacesASourceOnceTheNewOneWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	revision := "2"
	w.start(func(o *serve.Options) {
		o.Reload = reloadWith(func() serve.Plan {
			plan := w.plan()
			plan.Profiles[0] = w.profile("p", revision)
			return plan
		})
	})
	w.awaitReady()
	w.reload()
	status, body := w.message(w.url())
	require.Equal(t, 200, status, body)
	assert.EqualValues(t, 2, w.exchanges.Load())

	w.fail(errRefused)
	revision = "3"
	w.reload()
	assert.Contains(t, w.log.String(), "the old configuration stays")
	status, body = w.message(w.url())
	assert.Equal(t, 200, status, body)
}

func TestABrokenConfigurationChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(func(o *serve.Options) {
		o.Reload = func(context.Context) (serve.Plan, error) { return serve.Plan{}, errors.New("line 3: tabs") }
	})
	w.awaitReady()
	w.reload() // F147
	assert.Contains(t, w.log.String(), "line 3: tabs")
	status, body := w.message(w.url())
	assert.Equal(t, 200, status, body)
}

func TestListenersStayWhereTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(func(o *serve.Options) {
		o.Reload = reloadWith(func() serve.Plan {
			plan := w.plan()
			plan.Listeners[0].Listen = "127.0.0.1:1"
			return plan
		})
	})
	w.reload()
	assert.Contains(t, w.log.String(), "a restart is needed")
}

func TestReloadOfTheClientKey(t *testing.T) {
	t.Parallel()
	const old, next = "old-0123456789abcdef", "new-0123456789abcdef"
	key, err := proxy.NewKey(secret.New(old))
	require.NoError(t, err)
	w := newWorld(t)
	w.start(func(o *serve.Options) {
		o.Key = key
		o.Reload = reloadWith(func() serve.Plan {
			plan := w.plan()
			plan.ClientKey = secret.New(next)
			return plan
		})
	})
	w.awaitReady()
	status, body := w.message(w.url(), "Authorization", "Bearer "+old)
	require.Equal(t, 200, status, body)
	w.reload() // H607
	status, _ = w.message(w.url(), "Authorization", "Bearer "+old)
	assert.Equal(t, 401, status)
	status, _ = w.message(w.url(), "Authorization", "Bearer "+next)
	assert.Equal(t, 200, status)
}

func TestManyReloadsUnderLoadDropNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(func(o *serve.Options) { o.Reload = reloadWith(w.plan) })
	w.awaitReady()
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				req, err := http.NewRequest(http.MethodPost, w.url()+"/v1/messages", strings.NewReader(question))
				assert.NoError(t, err)
				req.Header.Set("Content-Type", "application/json")
				status, body := w.do(client, req)
				if !assert.Equal(t, 200, status, body) {
					return
				}
			}
		})
	}
	for range 200 { // F148; the whole thousand is for the binary
		w.hangup <- struct{}{}
	}
	close(stop)
	clients.Wait()
	assert.EqualValues(t, 1, w.exchanges.Load())
}

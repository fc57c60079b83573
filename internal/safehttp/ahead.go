package safehttp

import (
	"context"
	"net/url"
	"sync"
	"time"
)

// aheadLife is how long a connection that was made ahead waits for its request.
// Servers give a silent new connection several times that.
const aheadLife = 2 * time.Second

// ahead is a connection for a request that is still to come.
type ahead struct {
	done  chan struct{} // closed when w and err are there
	w     *wire
	err   error
	stale *time.Timer
}

// aheads are the connections that no request has taken yet, by server.
type aheads struct {
	life time.Duration
	mu   sync.Mutex
	list map[string]*ahead
}

// Ahead begins a connection to the server of u and returns at once: the next
// request to that server takes it, or its failure, instead of opening one, so that
// name, dial and handshake pass while the caller is busy with what it will send.
// A connection that waited longer than 2 s is not used. The caller must call
// release when the request is over or will not come; it waits until nothing of a
// connection that was not taken is left.
func (c *Client) Ahead(ctx context.Context, u *url.URL) (release func()) {
	if checkURL(u) != nil {
		return func() {} // the request meets the error
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &ahead{done: make(chan struct{})}
	key := c.wireTo(u).host
	if !c.ahead.put(key, a) {
		cancel()
		return func() {} // one is there already
	}
	go func() {
		defer close(a.done)
		a.w, a.err = c.open(ctx, u)
		a.stale = time.NewTimer(c.ahead.life)
	}()
	return func() {
		defer cancel()
		if !c.ahead.remove(key, a) {
			return // a request took it
		}
		cancel()
		<-a.done
		if a.w != nil {
			a.w.close()
		}
	}
}

// connection is the one that was made ahead for u, or a new one.
func (c *Client) connection(ctx context.Context, u *url.URL) (*wire, error) {
	w := c.wireTo(u)
	a := c.ahead.get(w.host)
	if a == nil {
		return c.open(ctx, u)
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		return nil, w.fail(ctx, ctx.Err())
	}
	if !c.ahead.remove(w.host, a) {
		return c.open(ctx, u) // another request was faster
	}
	if a.err != nil {
		return nil, a.err
	}
	select {
	case <-a.stale.C:
		a.w.close()
		return c.open(ctx, u)
	default:
		return a.w, nil
	}
}

// put reports whether there was none for key.
func (l *aheads) put(key string, a *ahead) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.list == nil {
		l.list = map[string]*ahead{}
	}
	if l.list[key] != nil {
		return false
	}
	l.list[key] = a
	return true
}

func (l *aheads) get(key string) *ahead {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.list[key]
}

// remove reports whether a was still there.
func (l *aheads) remove(key string, a *ahead) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.list[key] != a {
		return false
	}
	delete(l.list, key)
	return true
}

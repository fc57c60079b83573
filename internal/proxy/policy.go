package proxy

import (
	"context"
	"net"
	"sync"
	"sync/atomic"

	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Policy decides on the requests of one listener; see [New].
type Policy struct {
	o      Options
	hosts  hosts
	strip  []string // folded
	base   string   // without a slash at its end
	host   []byte   // the upstream's
	port   int      // 0 on a unix socket
	ids    *identifiers
	issued atomic.Bool // Credentials gave a credential
	live   atomic.Bool // and did so when it was last asked
	pool   sync.Pool   // of *record
	told   warnings    // of failures of the upstream
}

var _ relay.Policy = (*Policy)(nil)

// New checks o and returns every problem at once. It starts nothing.
func New(o Options) (*Policy, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.withDefaults()
	p := &Policy{
		o:     o,
		hosts: newHosts(o.Listener, o.AllowedHosts),
		base:  trimSlash(o.BasePath),
		host:  []byte(o.Upstream.Host()),
		ids:   newIdentifiers(),
	}
	for _, name := range o.Strip {
		p.strip = append(p.strip, fold(name))
	}
	if tcp, ok := o.Listener.(*net.TCPAddr); ok {
		p.port = tcp.Port
	}
	p.pool.New = func() any { return &record{policy: p} }
	return p, nil
}

// Request decides on one request: guard, strip, target, inject.
func (p *Policy) Request(ctx context.Context, h *relay.Head) (*relay.Upstream, *relay.Reply) {
	r := p.record(h)
	shown := p.keyInPath(r, h)
	r.keep(h)
	f := p.readAndStrip(h, shown)
	if refusal := p.guard(h, &f); refusal != nil {
		return nil, p.refuse(h, r, refusal)
	}
	if reply := p.ownAnswer(h, r); reply != nil {
		return nil, reply
	}
	if refusal := p.permit(h, &f, shown); refusal != nil {
		return nil, p.refuse(h, r, refusal)
	}
	r.permitted = true
	p.retarget(r, h)

	c, err := p.credential(ctx)
	if err != nil {
		return nil, p.refuse(h, r, noCredential(err, p.everIssued()))
	}
	r.credential = c
	h.Host = p.host
	if err := p.o.Inject(h, c); err != nil {
		return nil, p.refuse(h, r, p.notInjected(err))
	}
	return p.o.Upstream, nil
}

// Response follows the 401 rule and edits the head of an answer.
func (p *Policy) Response(ctx context.Context, h *relay.Head, reply *relay.ReplyHead) relay.Verdict {
	r, ok := h.Data.(*record)
	if !ok {
		return relay.Pass
	}
	if refusesCredential(r.credential.Kind, reply) && p.renewed(ctx, h, r.credential) {
		return relay.Again
	}
	r.learn(reply)
	editAnswer(reply.Fields, r.credential)
	return relay.Pass
}

// RequestTrailer drops credentials that come behind a body.
func (p *Policy) RequestTrailer(fields []relay.Field) {
	for i := range fields {
		if kindOf(fields[i].Name, p.strip).stripped() {
			fields[i].Drop = true
		}
	}
}

// ReplyTrailer edits the trailer section of an answer like its head.
func (p *Policy) ReplyTrailer(h *relay.Head, fields []relay.Field) {
	if r, ok := h.Data.(*record); ok {
		editAnswer(fields, r.credential)
	}
}

// Fault words relay's own failure.
func (p *Policy) Fault(h *relay.Head, f relay.Fault) *relay.Reply {
	r := p.recordOf(h)
	if f.Err != nil {
		p.logFault(r, f)
	}
	return p.refuse(h, r, refusalOf(f))
}

// Done reports a finished request.
func (p *Policy) Done(h *relay.Head, s relay.Summary) {
	r := p.recordOf(h)
	if r == nil {
		r = p.pool.Get().(*record)
		r.id = p.ids.next()
	} else {
		h.Data = nil
	}
	r.Finished.Summary = s
	r.Profile, r.Provider = p.o.Profile, p.o.Provider
	p.logDone(r)
	p.o.Observe.Done(&r.Finished)
	r.reset()
	p.pool.Put(r)
}

// record is the request's own; a second attempt goes on with the first one's.
func (p *Policy) record(h *relay.Head) *record {
	if r := p.recordOf(h); r != nil {
		return r
	}
	r := p.pool.Get().(*record)
	r.id = p.ids.next()
	h.Data = r
	return r
}

func (p *Policy) recordOf(h *relay.Head) *record {
	if h == nil {
		return nil
	}
	r, _ := h.Data.(*record)
	return r
}

// credential waits for the first one no longer than the startup timeout; from then
// on the source bounds every wait itself.
func (p *Policy) credential(ctx context.Context) (exchange.Credential, error) {
	if !p.everIssued() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.o.StartupTimeout)
		defer cancel()
	}
	c, err := p.o.Credentials.Credential(ctx)
	if ok := err == nil; p.live.Load() != ok {
		p.live.Store(ok)
		if ok {
			p.issued.Store(true)
		}
	}
	return c, err
}

// everIssued reports whether the profile ever held a credential.
func (p *Policy) everIssued() bool {
	return p.issued.Load() || p.o.Issued != nil && p.o.Issued()
}

// ready reports whether the profile holds a live credential.
func (p *Policy) ready() bool {
	if p.o.Ready != nil {
		return p.o.Ready()
	}
	return p.live.Load()
}

package proxy

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/internal/scrub"
)

// logDone writes a line for each request, at debug.
func (p *Policy) logDone(r *record) {
	ctx := context.Background()
	if !p.o.Log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	s := &r.Summary
	p.o.Log.LogAttrs(ctx, slog.LevelDebug, "request",
		slog.String("profile", p.o.Profile), slog.String("method", string(r.Method)), slog.String("path", string(r.Path)),
		slog.Int("status", s.Status), slog.Duration("wait", s.FirstByte), slog.Duration("duration", s.Total),
		slog.Bool("broken", s.Broken), slog.String("refused", s.Refused),
		slog.String("request_id", string(r.AppendRequestID(nil))))
}

// logFault says why a request failed; clients never see it. A failure of the
// upstream is a warning: whoever runs us has to do something about a certificate, a
// name or a proxy. Repetitions within a while are left to debug.
func (p *Policy) logFault(r *record, f relay.Fault) {
	ctx := context.Background()
	level, msg, more := slog.LevelDebug, "request failed", 0
	if f.Status == 502 || f.Status == 504 {
		var due bool
		if more, due = p.told.due(f.Reason, p.o.Now()); due {
			level, msg = slog.LevelWarn, "upstream failed"
		}
	}
	if !p.o.Log.Enabled(ctx, level) {
		return
	}
	// The text may quote what a server said.
	id, said := "", scrub.Text(f.Err.Error())
	if r != nil {
		id, said = string(appendID(nil, r.id)), scrub.Text(f.Err.Error(), r.credential.Token)
	}
	said = strings.TrimPrefix(said, f.Reason+": ")
	attrs := []slog.Attr{slog.String("profile", p.o.Profile), slog.String("upstream", p.o.Upstream.Host()),
		slog.String("reason", f.Reason), slog.String("error", said), slog.String("request_id", id)}
	if hint := upstreamHint(f.Reason); hint != "" {
		attrs = append(attrs, slog.String("hint", hint))
	}
	if more > 0 {
		attrs = append(attrs, slog.Int("more", more))
	}
	p.o.Log.LogAttrs(ctx, level, msg, attrs...)
}

// upstreamHint is what to do about what does not pass by itself.
func upstreamHint(reason string) string {
	switch reason {
	case relay.ReasonUpstreamTLS:
		return "is it the right host? --ca-file trusts another authority, such as that of a proxy that opens TLS"
	case relay.ReasonUpstreamProxy:
		return "HTTPS_PROXY names the proxy, NO_PROXY the hosts that are reached without it"
	case relay.ReasonUpstreamHTTP2:
		return "name an upstream that speaks HTTP/1.1"
	}
	return ""
}

// quiet is how long a failure that was said is not said again.
const quiet = 10 * time.Second

// warnings remembers what was said; reasons are few.
type warnings struct {
	mu   sync.Mutex
	last map[string]*warning
}

type warning struct {
	at   time.Time
	more int // not said since
}

// due reports whether a reason is to be said now, and how often it came unsaid.
func (w *warnings) due(reason string, now time.Time) (more int, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil {
		w.last = map[string]*warning{}
	}
	one := w.last[reason]
	switch {
	case one == nil:
		w.last[reason] = &warning{at: now}
		return 0, true
	case now.Sub(one.at) < quiet:
		one.more++
		return 0, false
	}
	more, one.at, one.more = one.more, now, 0
	return more, true
}

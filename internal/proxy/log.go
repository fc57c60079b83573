package proxy

import (
	"context"
	"log/slog"

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

// logFault keeps relay's error for whoever debugs; clients never see it.
func (p *Policy) logFault(r *record, f relay.Fault) {
	ctx := context.Background()
	if !p.o.Log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	// The text may quote what a server said.
	id, said := "", scrub.Text(f.Err.Error())
	if r != nil {
		id, said = string(appendID(nil, r.id)), scrub.Text(f.Err.Error(), r.credential.Token)
	}
	p.o.Log.LogAttrs(ctx, slog.LevelDebug, "request failed",
		slog.String("profile", p.o.Profile), slog.String("reason", f.Reason), slog.String("error", said), slog.String("request_id", id))
}

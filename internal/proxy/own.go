package proxy

import (
	"bytes"

	"github.com/awf-cred/awf-cred/internal/relay"
)

// ownAnswer answers what never goes upstream: /health, and HEAD / with which some
// clients (Claude Code) begin. Neither needs the client key or counts as a request.
func (p *Policy) ownAnswer(h *relay.Head, r *record) *relay.Reply {
	path, _, _ := bytes.Cut(h.Target, []byte("?"))
	head := string(h.Method) == "HEAD"
	switch {
	case head && string(path) == "/":
		r.Own = true
		return &relay.Reply{Status: 200, Fields: []relay.Field{line("Cache-Control", "no-store")}}
	case string(path) == "/health" && (head || string(h.Method) == "GET"):
		r.Own = true
		return p.health()
	}
	return nil
}

// health has the body of the sidecar of gh-aw-firewall: status and service, and an
// error unless it is healthy.
func (p *Policy) health() *relay.Reply {
	service := "awf-cred-" + p.o.Provider
	b := append([]byte(nil), `{"status":"healthy","service":`...)
	status := 200
	if !p.ready() {
		status = 503
		b = append(b[:0], `{"status":"unavailable","error":"there is no live credential","service":`...)
	}
	b = appendString(b, service)
	return &relay.Reply{Status: status, Body: append(b, "}\n"...),
		Fields: []relay.Field{line("Content-Type", "application/json"), line("Cache-Control", "no-store")}}
}

package proxy

import (
	"errors"
	"strconv"
	"time"

	"github.com/awf-cred/awf-cred/internal/relay"
)

// The reasons of this package's refusals; together with relay's the closed set
// that labels metrics.
const (
	ReasonUnserved   = "method"
	ReasonForeign    = "host"
	ReasonBrowser    = "cross-site"
	ReasonClientKey  = "client-key"
	ReasonPath       = "path"
	ReasonUpgrade    = "upgrade"
	ReasonTarget     = "target"
	ReasonHeader     = "header"
	ReasonCredential = "credential" // there is none now
	ReasonInternal   = "internal"
)

// Refusal is an answer that this package makes instead of asking the upstream.
// Injectors return it as their error for what is wrong with a request.
type Refusal struct {
	Status  int
	Reason  string // one of the Reason constants
	Type    string // error.type of the body
	Message string // for the client: constant, without secrets and addresses
	// Close ends the connection: what follows on it must not be read as a request.
	Close      bool
	Retryable  bool
	RetryAfter time.Duration // 0: no Retry-After
	fields     []relay.Field
}

// Error makes a Refusal an error.
func (r *Refusal) Error() string { return r.Message }

func line(name, value string) relay.Field {
	return relay.Field{Name: []byte(name), Value: []byte(value)}
}

// The refusals of the guard. None depends on the request, so that a guess learns
// nothing from the answer.
var (
	refusedMethod = &Refusal{Status: 405, Reason: ReasonUnserved, Type: "method_not_allowed", Close: true,
		Message: "this method is not passed on", fields: []relay.Field{line("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")}}
	refusedUnknownMethod = &Refusal{Status: 501, Reason: ReasonUnserved, Type: "method_not_implemented", Close: true,
		Message: "this method is not known"}
	refusedHost = &Refusal{Status: 421, Reason: ReasonForeign, Type: "host_not_allowed", Close: true,
		Message: "the Host header names another server; --allowed-host allows further names"}
	refusedBrowser = &Refusal{Status: 403, Reason: ReasonBrowser, Type: "cross_site_request",
		Message: "requests of web pages are not served"}
	refusedClient = &Refusal{Status: 401, Reason: ReasonClientKey, Type: "authentication_error",
		Message: "the client key is missing or wrong", fields: []relay.Field{line("WWW-Authenticate", `Bearer realm="awf-cred"`)}}
	refusedTarget = &Refusal{Status: 400, Reason: ReasonTarget, Type: "invalid_request_error", Close: true,
		Message: "the request target must be a plain path"}
	refusedPath = &Refusal{Status: 403, Reason: ReasonPath, Type: "path_not_allowed",
		Message: "this method and path are not allowed here (--allow)"}
	refusedUpgrade = &Refusal{Status: 403, Reason: ReasonUpgrade, Type: "upgrade_not_allowed",
		Message: "this provider has no WebSockets"}
	refusedVersion = &Refusal{Status: 400, Reason: ReasonHeader, Type: "invalid_request_error", Close: true,
		Message: "anthropic-version is there more than once"}
)

// refuse makes the reply of a refusal.
func (p *Policy) refuse(h *relay.Head, r *record, why *Refusal) *relay.Reply {
	var id uint64
	if r != nil {
		id = r.id
		if p.o.Key != nil && !r.permitted {
			r.hideKey()
		}
	} else {
		id = p.ids.next()
	}
	fields := make([]relay.Field, 0, 4)
	fields = append(fields, line("Content-Type", "application/json"), line("Cache-Control", "no-store"))
	fields = append(fields, why.fields...)
	if why.RetryAfter > 0 {
		seconds := (why.RetryAfter + time.Second - 1) / time.Second
		fields = append(fields, line("Retry-After", strconv.FormatInt(int64(seconds), 10)))
	}
	return &relay.Reply{Status: why.Status, Fields: fields, Body: p.errorBody(why, id), Close: why.Close, Refused: why.Reason}
}

// errorBody is the shape that every error of serve has; the sidecar of
// gh-aw-firewall has it without request_id. All strings are ours but for the
// profile's provider, which is one of five words.
func (p *Policy) errorBody(why *Refusal, id uint64) []byte {
	b := make([]byte, 0, 256)
	b = append(b, `{"error":{"message":`...)
	b = appendString(b, why.Message)
	b = append(b, `,"type":`...)
	b = appendString(b, why.Type)
	b = append(b, `,"provider":`...)
	b = appendString(b, p.o.Provider)
	b = append(b, `,"port":`...)
	if p.port > 0 {
		b = strconv.AppendInt(b, int64(p.port), 10)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"retryable":`...)
	b = strconv.AppendBool(b, why.Retryable)
	b = append(b, `,"request_id":"`...)
	b = appendID(b, id)
	return append(b, "\"}}\n"...)
}

// notInjected turns an injector's error into a refusal; one that is none is a
// defect.
func (p *Policy) notInjected(err error) *Refusal {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	p.o.Log.Error("credential was not set", "profile", p.o.Profile, "reason", err)
	return &Refusal{Status: 500, Reason: ReasonInternal, Type: "internal_error", Message: "awf-cred could not set the credential"}
}

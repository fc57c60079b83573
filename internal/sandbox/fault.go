package sandbox

import (
	"net/http"
	"time"
)

// Stage is the moment at which a fault stalls or breaks a connection.
type Stage string

// The stages, in the order in which a request passes them.
const (
	// StageAccept: the connection was accepted, nothing read, no TLS handshake.
	StageAccept Stage = "accept"
	// StageHead: the request head was read, the body was not; the vendor has not
	// seen the request and nothing is consumed.
	StageHead Stage = "head"
	// StageRequest: the first byte of the body was read, not more; not consumed.
	StageRequest Stage = "request"
	// StageAnswer (the default): the request was read and processed, so that an
	// assertion in it is consumed; no byte of the answer was sent.
	StageAnswer Stage = "answer"
	// StageHeaders: the head of the answer was sent.
	StageHeaders Stage = "headers"
	// StageBody: At bytes of the answer's body were sent.
	StageBody Stage = "body"
)

// Fault is one step of what goes wrong at an endpoint. The zero value does
// nothing. At its stage it does, in this order: Gate, Delay, Hang, Reset, Close.
// The other fields change the answer.
type Fault struct {
	// Times is how many requests the fault applies to; 0 means 1, negative means
	// until Reset or ClearFaults.
	Times int `json:"times,omitempty"`
	// Stage is when Gate, Delay, Hang, Reset and Close act; "" is StageAnswer.
	Stage Stage `json:"stage,omitempty"`
	// Gate holds the request until the test opens it.
	Gate *Gate `json:"-"`
	// GateName is Gate for the admin endpoint: gates live by their name there.
	GateName string `json:"gate,omitempty"`
	// Delay waits; the wait ends at once when the sandbox is closed.
	Delay Duration `json:"delay,omitempty"`
	// Hang says nothing more until the client leaves or the sandbox is closed.
	Hang bool `json:"hang,omitempty"`
	// Reset sends a RST (SO_LINGER 0).
	Reset bool `json:"reset,omitempty"`
	// Close ends the connection in an orderly way (FIN; no TLS close_notify).
	Close bool `json:"close,omitempty"`
	// At is the number of body bytes sent before StageBody.
	At int `json:"at,omitempty"`

	// Discard reads and records the request but does not process it: an
	// assertion in it is not consumed by the vendor.
	Discard bool `json:"discard,omitempty"`
	// Status replaces the answer; 0 leaves it, unless Body, BodySize or Raw is set.
	// Without a body of the fault's own it comes with the vendor's error object.
	Status int `json:"status,omitempty"`
	// Code is the vendor's error code in that object; empty means the usual one
	// for the status.
	Code string `json:"code,omitempty"`
	// Header is added to the answer, and replaces fields of the same name.
	Header http.Header `json:"header,omitempty"`
	// Body replaces the answer's body; the empty one needs Status or NoBody.
	Body string `json:"body,omitempty"`
	// NoBody makes the body empty.
	NoBody bool `json:"no_body,omitempty"`
	// BodySize repeats Body (or "x") up to that many bytes.
	BodySize int64 `json:"body_size,omitempty"`
	// Raw is sent as it is instead of an answer; then the connection is closed.
	Raw string `json:"raw,omitempty"`
	// Repeat is sent Repeats times after Raw, DripEvery apart; negative: until the
	// client leaves. It makes floods of headers or 1xx answers.
	Repeat  string `json:"repeat,omitempty"`
	Repeats int    `json:"repeats,omitempty"`
	// Append is sent as it is after a complete answer on the kept connection.
	Append string `json:"append,omitempty"`
	// Chunked sends the body in chunks instead of with a length.
	Chunked bool `json:"chunked,omitempty"`
	// DripBytes sends the body in pieces of that size, DripEvery apart.
	DripBytes int      `json:"drip_bytes,omitempty"`
	DripEvery Duration `json:"drip_every,omitempty"`
	// Informational sends that many 1xx answers first, of InformationalStatus
	// (0 means 103).
	Informational       int `json:"informational,omitempty"`
	InformationalStatus int `json:"informational_status,omitempty"`
	// DateOffset moves the Date header; Date replaces it; NoDate removes it.
	DateOffset Duration `json:"date_offset,omitempty"`
	Date       string   `json:"date,omitempty"`
	NoDate     bool     `json:"no_date,omitempty"`
}

// Status replaces the answer by the vendor's error of that status, after the
// request was consumed.
func Status(code int) Fault { return Fault{Status: code} }

// Refusal is Status with one of the vendor's own error codes.
func Refusal(status int, code string) Fault { return Fault{Status: status, Code: code} }

// Delay answers d later.
func Delay(d time.Duration) Fault { return Fault{Delay: Duration(d)} }

// Hang says nothing from that stage on.
func Hang(at Stage) Fault { return Fault{Stage: at, Hang: true} }

// Reset resets the connection at that stage.
func Reset(at Stage) Fault { return Fault{Stage: at, Reset: true} }

// Truncate ends the connection after n bytes of the answer's body, which was
// announced in full.
func Truncate(n int) Fault { return Fault{Stage: StageBody, At: n, Close: true} }

// Raw sends bytes instead of an answer.
func Raw(bytes string) Fault { return Fault{Raw: bytes} }

// Redirect answers with that status and Location.
func Redirect(code int, location string) Fault {
	return Fault{Status: code, Header: http.Header{"Location": {location}}}
}

// Drip sends the answer's body n bytes at a time, that interval apart.
func Drip(n int, every time.Duration) Fault {
	return Fault{DripBytes: n, DripEvery: Duration(every)}
}

// N makes the fault apply to n requests; negative means until it is cleared.
func (f Fault) N(n int) Fault {
	f.Times = n
	return f
}

// Always makes the fault apply until it is cleared.
func (f Fault) Always() Fault { return f.N(-1) }

func (f *Fault) stage() Stage {
	if f.Stage == "" {
		return StageAnswer
	}
	return f.Stage
}

// replaces reports whether the fault brings an answer of its own.
func (f *Fault) replaces() bool {
	return f.Status != 0 || f.Body != "" || f.BodySize != 0 || f.NoBody
}

// breaks reports whether the connection ends at the fault's stage.
func (f *Fault) breaks() bool { return f.Hang || f.Reset || f.Close }

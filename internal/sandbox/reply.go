package sandbox

import (
	"encoding/json"
	"net/http"
)

// reply is an answer before it is written.
type reply struct {
	status int
	header http.Header
	body   []byte
	stream func(*stream) error // instead of body: written as it goes
	tunnel bool                // after a 101: everything is sent back
}

// respond makes an answer with a body of that media type.
func respond(status int, contentType string, body []byte) *reply {
	return &reply{status: status, header: http.Header{"Content-Type": {contentType}}, body: body}
}

// respondJSON makes an answer from any value that encoding/json takes.
func respondJSON(status int, v any) *reply {
	b, err := json.Marshal(v)
	if err != nil {
		return respond(http.StatusInternalServerError, "text/plain", []byte(err.Error()))
	}
	return respond(status, "application/json", b)
}

// with sets a header field and returns the reply.
func (p *reply) with(name, value string) *reply {
	p.header.Set(name, value)
	return p
}

// apply makes the fault's changes to the answer; failed makes the vendor's
// error object.
func (p *reply) apply(f *Fault, failed failure) *reply {
	switch {
	case f.Status >= 400 && f.Body == "" && f.BodySize == 0 && !f.NoBody:
		p = failed(f.Status, f.Code)
	case f.replaces():
		p = f.answer(p.status)
	}
	for name, values := range f.Header {
		p.header[http.CanonicalHeaderKey(name)] = values
	}
	return p
}

// answer is the answer that the fault brings itself.
func (f *Fault) answer(status int) *reply {
	if f.Status != 0 {
		status = f.Status
	}
	p := &reply{status: status, header: http.Header{}, body: []byte(f.Body)}
	if f.BodySize > 0 {
		unit, size := f.Body, f.BodySize
		if unit == "" {
			unit = "x"
		}
		p.stream = func(s *stream) error { return s.repeat(unit, size) }
	}
	if f.Body != "" || f.BodySize > 0 {
		p.header.Set("Content-Type", "application/json")
	}
	return p
}

package safehttp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

var errUnasked = errors.New("unasked")

// wire is one connection for one request and its answer.
type wire struct {
	host  string // host:port of the server
	proxy string // host:port of the proxy, empty for none
	conn  net.Conn

	sent bool // a byte of the request may have been written
	head headReader
	br   *bufio.Reader
}

// headReader lets a bounded number of bytes through until it is opened.
type headReader struct {
	r    io.Reader
	left int // negative: no bound
}

var errHead = errors.New("head too large")

func (h *headReader) Read(p []byte) (int, error) {
	switch {
	case h.left < 0:
		return h.r.Read(p)
	case h.left == 0:
		return 0, errHead
	case len(p) > h.left:
		p = p[:h.left]
	}
	n, err := h.r.Read(p)
	h.left -= n
	return n, err
}

func (w *wire) ready() {
	w.head.r = w.conn
	w.head.left = maxHeader
	w.br = bufio.NewReader(&w.head)
}

func (w *wire) close() { _ = w.conn.Close() }

// roundTrip writes the request and reads the head of its answer.
func (w *wire) roundTrip(ctx context.Context, req *http.Request) (*http.Response, error) {
	var res *http.Response
	err := bounded(ctx, w.conn, func() (err error) {
		res, err = w.exchange(req) //nolint:bodyclose // newBody closes the connection itself
		return err
	})
	if err != nil {
		return nil, w.fail(ctx, err)
	}
	return res, nil
}

func (w *wire) exchange(req *http.Request) (*http.Response, error) {
	out := *req
	out.Close = true // one request for each connection
	if out.Header == nil {
		out.Header = http.Header{}
	}
	w.sent = true
	if writeErr := out.Write(w.conn); writeErr != nil {
		// A server may answer early and close; the answer says more than the
		// broken pipe.
		t := time.AfterFunc(time.Second, func() { _ = w.conn.SetReadDeadline(past) })
		defer t.Stop()
		if res, err := w.answer(&out); err == nil {
			return res, nil
		}
		return nil, writeErr
	}
	return w.answer(&out)
}

// answer reads heads until the final one.
func (w *wire) answer(req *http.Request) (*http.Response, error) {
	for range maxInterim + 1 {
		res, err := http.ReadResponse(w.br, req)
		if err != nil {
			return nil, headError(err)
		}
		switch {
		case res.ProtoMajor != 1:
			return nil, &Error{Kind: Protocol, Detail: "what came is not HTTP/1.1"}
		case res.StatusCode == http.StatusSwitchingProtocols || res.StatusCode < 100 || res.StatusCode > 599:
			return nil, &Error{Kind: Protocol, Detail: "the answer has a status that makes no sense here"}
		case res.StatusCode >= 200:
			w.head.left = -1
			return res, nil
		}
	}
	return nil, &Error{Kind: HeaderSize, Detail: "too many interim answers"}
}

func headError(err error) error {
	if errors.Is(err, errHead) {
		return &Error{Kind: HeaderSize, Detail: "the head of the answer has more than 64 KiB"}
	}
	if kind, _ := network(err); kind != "" {
		if kind == Truncated {
			return io.EOF // cut in the head: there was no answer
		}
		return err
	}
	if isAlert(err) {
		return err
	}
	return &Error{Kind: Protocol, Detail: "what came is not an HTTP/1.1 answer", Err: err}
}

// fail makes any failure an *Error that knows where it happened.
func (w *wire) fail(ctx context.Context, err error) error {
	e := &Error{Err: err}
	var own *Error
	if errors.As(err, &own) {
		*e = *own
	} else if errors.Is(err, errUnasked) {
		e.Kind, e.Detail = Protocol, "it answered before it was asked"
	} else if e.Kind, e.Detail = network(err); e.Kind == "" {
		e.Kind, e.Detail = Reset, "the connection failed"
		if isAlert(err) { // in TLS 1.3 it can come after the handshake
			errors.As(tlsError(err, "", false), &e)
		}
	}
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		e.Kind, e.Detail, e.Err = Canceled, "canceled", context.Canceled
	}
	e.Host, e.Proxy, e.Unsent = w.host, w.proxy, !w.sent
	if e.Hint == "" {
		e.Hint = nextStep(e)
	}
	return e
}

package safehttp

import (
	"errors"
	"io"
	"net/http"
)

// ReadBody reads an answer's body up to MaxBody bytes and closes it, whoever sent
// the request. Its errors are *[Error].
func ReadBody(res *http.Response) ([]byte, error) {
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, MaxBody+1))
	switch {
	case err != nil:
		e := AsError(err)
		if e.Kind == Reset { // in the middle of an answer
			e.Kind, e.Detail = Truncated, "the answer broke off"
		}
		return nil, e
	case len(data) > MaxBody:
		return nil, &Error{Kind: TooLarge, Detail: "the answer has more than 1 MiB"}
	}
	return data, nil
}

// AsError makes the error of any client an *[Error]. What another client says is
// sorted like our own, and its text, which may quote a URL, is not kept.
func AsError(err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	e := &Error{Err: err}
	if e.Kind, e.Detail = network(err); e.Kind == "" {
		e.Kind, e.Detail = Reset, "the request failed"
	}
	return e
}

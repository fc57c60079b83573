package safehttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
)

// body is an answer's body under the bounds: it fails with an *Error instead of
// ending early, growing, or being compressed.
type body struct {
	ctx  context.Context //nolint:containedctx // io.Reader has no parameter for it
	wire *wire
	from io.ReadCloser
	left int64
	err  error // sticky

	stop   func() bool
	cancel context.CancelFunc
}

func newBody(ctx context.Context, cancel context.CancelFunc, w *wire, res *http.Response) io.ReadCloser {
	b := &body{ctx: ctx, wire: w, from: res.Body, left: MaxBody, cancel: cancel}
	b.stop = context.AfterFunc(ctx, func() { _ = w.conn.SetDeadline(past) })
	// RFC 9110 section 12.5.3: we sent no Accept-Encoding. `identity` is no coding.
	if e := strings.TrimSpace(res.Header.Get("Content-Encoding")); e != "" && !strings.EqualFold(e, "identity") {
		b.err = w.fail(ctx, &Error{Kind: Encoding, Detail: "the answer is compressed, which was not asked for"})
	}
	return b
}

// Read reads up to MaxBody bytes in all.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more than allowed, to see whether it is there
	}
	n, err := b.from.Read(p)
	if int64(n) > b.left {
		b.err = b.wire.fail(b.ctx, &Error{Kind: TooLarge, Detail: "the answer has more than 1 MiB"})
		return int(b.left), b.err
	}
	b.left -= int64(n)
	if err != nil {
		b.err = err
		if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			b.err = b.wire.fail(b.ctx, bodyError(err))
		}
	}
	return n, b.err
}

// bodyError: a body that ends with the connection, instead of where it said, was
// cut; whatever else is wrong with its framing is wrong with the server.
func bodyError(err error) error {
	if kind, _ := network(err); kind != "" {
		return err
	}
	return &Error{Kind: Truncated, Detail: "the answer broke off", Err: err}
}

// Close ends the connection, read or not.
func (b *body) Close() error {
	b.stop()
	b.cancel()
	b.wire.close()
	return nil
}

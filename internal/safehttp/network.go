package safehttp

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// network finds the kind of a failure of the network, and our words for it: the
// text of the error itself can name addresses and quote a server.
func network(err error) (Kind, string) {
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
		return Canceled, "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout, "no answer in time"
	case errors.As(err, &dns) && dns.IsNotFound:
		return DNS, "the host name does not exist"
	case errors.As(err, &dns):
		return DNS, "the host name could not be resolved"
	case isTimeout(err):
		return Timeout, "no answer in time"
	case isErrno(err, refused...):
		return Dial, "connection refused"
	case isErrno(err, unreachable...):
		return Dial, "not reachable from here"
	case isErrno(err, reset...):
		return Reset, "the connection was reset"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Truncated, "the answer ended too early"
	case errors.Is(err, io.EOF):
		return Reset, "the connection was closed before an answer"
	}
	return "", ""
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func isErrno(err error, list ...syscall.Errno) bool {
	var got syscall.Errno
	if !errors.As(err, &got) {
		return false
	}
	for _, e := range list {
		if got == e {
			return true
		}
	}
	return false
}

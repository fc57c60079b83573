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

// nextStep is what to do about a network that does not let us through, empty where
// waiting is all that helps.
func nextStep(e *Error) string {
	switch {
	case e.Kind == DNS:
		return "is the name right? A machine that reaches the internet through a proxy needs HTTPS_PROXY"
	case e.Kind == Dial, e.Kind == Timeout && e.Unsent && e.Proxy == "":
		return "does a firewall let this machine to " + e.Host + "? A proxy is named by HTTPS_PROXY"
	case e.Kind == Proxy:
		return "check HTTPS_PROXY, or put the host into NO_PROXY if it is reached without"
	}
	return ""
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

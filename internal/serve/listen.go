package serve

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// unixPrefix marks the path of a unix socket.
const unixPrefix = "unix:"

// bind makes the listener of an address, HOST:PORT or unix:PATH.
func bind(address string, allowRemote, hasKey bool) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		return listenUnix(path)
	}
	host, err := hostOf(address)
	if err != nil {
		return nil, err
	}
	if err := checkRemote(host, address, allowRemote, hasKey); err != nil {
		return nil, err
	}
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, taken(cannot("listen on "+address, plainError(err)), err)
	}
	return ln, nil
}

// taken adds what to do about a port that is in use.
func taken(failure, cause error) error {
	var e *exchange.Error
	if errors.Is(cause, syscall.EADDRINUSE) && errors.As(failure, &e) {
		e.Hint = "another process has the port: end it, or choose another; port 0 is any free one, and --ready-file tells which"
	}
	return failure
}

// hostOf takes HOST:PORT apart.
func hostOf(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", usage("listen %q: expected HOST:PORT or unix:PATH", address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", usage("listen %q: %q is not a port from 0 to 65535", address, port)
	}
	return host, nil
}

// checkRemote refuses an address that others can reach, unless it was allowed and
// every client must show a key.
func checkRemote(host, address string, allowRemote, hasKey bool) error {
	if isLoopback(host) {
		return nil
	}
	if !allowRemote {
		return usage("listen on %s: other machines could use the credential; --allow-remote permits it", address)
	}
	if !hasKey {
		return usage("listen on %s: --allow-remote needs a client key: --client-key-file FILE or --client-key generate", address)
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// plainError is the reason of a failed bind without the address, which the message
// names.
func plainError(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// describe is an address as the ready file and logs have it.
func describe(addr net.Addr) (address string, url *string) {
	if addr.Network() == "unix" {
		return unixPrefix + addr.String(), nil
	}
	u := "http://" + addr.String()
	return addr.String(), &u
}

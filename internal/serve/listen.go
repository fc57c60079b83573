package serve

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"path/filepath"
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
	network := "tcp"
	if ip := net.ParseIP(host); ip != nil && !strings.Contains(host, ":") {
		network = "tcp4" // 0.0.0.0 would mean every address of IPv6 too (package net)
	}
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), network, address)
	if err != nil {
		return nil, &exchange.Error{Step: "listen on " + address, Cause: exchange.Proxy, Err: plainError(err), Hint: mend(err)}
	}
	return ln, nil
}

// mend is what to do about an address that cannot be had.
func mend(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "another process has the port: end it, or choose another; port 0 is any free one, and --ready-file tells which"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "choose an address of this machine, such as 127.0.0.1"
	case errors.Is(err, fs.ErrPermission):
		return "ports below 1024 need a privilege: choose a higher one"
	}
	return ""
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
		path := addr.String()
		if abs, err := filepath.Abs(path); err == nil && !strings.HasPrefix(path, "@") { // the reader has another directory
			path = abs
		}
		return unixPrefix + path, nil
	}
	u := "http://" + addr.String()
	return addr.String(), &u
}

package serve

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Inherited is a socket that a service manager has bound for us, with the name
// that it gave to it (systemd.socket(5), FileDescriptorName=).
type Inherited struct {
	net.Listener
	Name string
}

// Inherit makes listeners of what a service manager passed, and closes the files.
// Whatever is not a stream socket that listens is refused: to serve something else
// than was asked for would surprise.
func Inherit(files []*os.File) ([]Inherited, error) {
	var list []Inherited
	var problem error
	for _, f := range files {
		ln, err := inherit(f)
		_ = f.Close() // the listener has a descriptor of its own
		if err != nil {
			problem = errors.Join(problem, &exchange.Error{Step: "LISTEN_FDS", Cause: exchange.Usage,
				Description: fmt.Sprintf("the socket %q that the service manager passed: %s", f.Name(), err),
				Hint:        "in the .socket unit write ListenStream=, and leave Accept=no"})
			continue
		}
		list = append(list, Inherited{Listener: ln, Name: f.Name()})
	}
	if problem == nil {
		return list, nil
	}
	for _, l := range list {
		_ = l.Close()
	}
	return nil, problem
}

func inherit(f *os.File) (net.Listener, error) {
	if err := listening(f); err != nil {
		return nil, err
	}
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, errors.New("is not a stream socket")
	}
	return ln, nil
}

// admit applies to a socket that somebody else has bound what holds for our own:
// others may use it only with a key, and other machines only if that was allowed.
func admit(ln net.Listener, allowRemote, hasKey bool) (net.Listener, error) {
	if ln.Addr().Network() == "unix" {
		// Its mode is the manager's choice, and systemd's default lets everybody in.
		if unix, ok := ln.(*net.UnixListener); ok {
			return newPeerListener(unix), nil
		}
		return ln, nil
	}
	address := ln.Addr().String()
	host, err := hostOf(address)
	if err != nil {
		return nil, err
	}
	return ln, checkRemote(host, address, allowRemote, hasKey)
}

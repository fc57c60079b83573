package proxy

import (
	"bytes"
	"net"
	"strings"
)

// hosts are the values of Host that a listener answers to. A page in a browser
// whose name was made to point at this machine (DNS rebinding, CVE-2022-41924)
// sends its own name, which is none of them.
type hosts struct {
	names []string // lower case, without port
}

// loopbackNames are what a client on this machine may call a loopback listener.
// Other spellings of 127.0.0.1 are not used by any client.
var loopbackNames = []string{"127.0.0.1", "localhost", "[::1]"}

// newHosts returns the names of a listener at addr: loopback names for a loopback
// or unix listener, its own address in any case, and what the user allows. The
// unspecified address is one too: programs on this machine call what is bound to
// it by it.
func newHosts(addr net.Addr, allowed []string) hosts {
	var h hosts
	tcp, isTCP := addr.(*net.TCPAddr)
	if !isTCP || tcp.IP.IsLoopback() {
		h.names = append(h.names, loopbackNames...)
	}
	if isTCP && len(tcp.IP) > 0 {
		own := tcp.IP.String()
		if strings.Contains(own, ":") {
			own = "[" + own + "]"
		}
		h.names = append(h.names, own)
	}
	for _, name := range allowed {
		h.names = append(h.names, strings.ToLower(withoutPort(name)))
	}
	return h
}

// AnswersTo returns what decides whether a Host is one that a listener at addr
// answers to, as all listeners of serve do it.
func AnswersTo(addr net.Addr, allowed []string) func(host string) bool {
	h := newHosts(addr, allowed)
	return func(host string) bool { return h.has([]byte(host)) }
}

// has reports whether host, with any port, is one of the names. The port says
// nothing: forwarded ports differ from ours.
func (h hosts) has(host []byte) bool {
	name := hostName(host)
	for _, n := range h.names {
		if len(n) == len(name) && equalFold(name, n) {
			return true
		}
	}
	return false
}

// hostName cuts the port off; relay has checked the syntax.
func hostName(host []byte) []byte {
	if len(host) > 0 && host[0] == '[' {
		if i := bytes.IndexByte(host, ']'); i > 0 {
			return host[:i+1]
		}
		return host
	}
	if i := bytes.IndexByte(host, ':'); i >= 0 {
		return host[:i]
	}
	return host
}

func withoutPort(s string) string { return string(hostName([]byte(s))) }

// equalFold compares with a name in lower case, without case.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != s[i] {
			return false
		}
	}
	return true
}

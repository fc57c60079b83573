package safehttp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

// proxyFor is the HTTP proxy of https requests and its exceptions.
type proxyFor struct {
	addr    string // host:port, empty for none
	tls     bool   // the proxy itself is spoken to over TLS
	host    string // for its certificate
	auth    secret.Value
	except  []exception
	nothing bool // NO_PROXY=*
}

// readProxy reads HTTPS_PROXY and NO_PROXY, lower case as well, as curl and Go's
// net/http do. Plain http goes to loopback alone, which is never proxied, so that
// HTTP_PROXY is only checked. Beside REQUEST_METHOD HTTP_PROXY is the header
// `Proxy` of a request to a CGI program and is ignored (CVE-2016-5386).
func readProxy(env func(string) string) (proxyFor, error) {
	name, value := firstSet(env, "HTTPS_PROXY", "https_proxy")
	p, err := parseProxy(value)
	if err != nil {
		return proxyFor{}, fmt.Errorf("%s %w", name, err)
	}
	if env("REQUEST_METHOD") == "" {
		name, value := firstSet(env, "HTTP_PROXY", "http_proxy")
		if _, err := parseProxy(value); err != nil {
			return proxyFor{}, fmt.Errorf("%s %w", name, err)
		}
	}
	_, no := firstSet(env, "NO_PROXY", "no_proxy")
	p.nothing, p.except = parseExceptions(no)
	return p, nil
}

func firstSet(env func(string) string, names ...string) (name, value string) {
	for _, n := range names {
		if v := strings.TrimSpace(env(n)); v != "" {
			return n, v
		}
	}
	return "", ""
}

// parseProxy reads a proxy's URL; without a scheme it is http. Its errors hold
// nothing of the value, which may have a password in it.
func parseProxy(value string) (proxyFor, error) {
	if value == "" {
		return proxyFor{}, nil
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil {
		return proxyFor{}, errors.New("is not a URL")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return proxyFor{}, errors.New("has a scheme other than http and https, the only proxies supported")
	}
	if u.Hostname() == "" {
		return proxyFor{}, errors.New("has no host")
	}
	p := proxyFor{host: u.Hostname(), tls: u.Scheme == "https"}
	port := u.Port()
	if port == "" {
		port = map[bool]string{false: "80", true: "443"}[p.tls]
	}
	p.addr = net.JoinHostPort(p.host, port)
	if u.User != nil {
		password, _ := u.User.Password()
		// RFC 7617 section 2.
		p.auth = secret.New("Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
	}
	return p, nil
}

// use reports whether a request to host and port goes through the proxy.
func (p proxyFor) use(host, port string) bool {
	if p.addr == "" || p.nothing || IsLoopback(host) {
		return false
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	ip, _ := netip.ParseAddr(host)
	if ip.IsLoopback() {
		return false
	}
	for _, e := range p.except {
		if e.match(host, port, ip) {
			return false
		}
	}
	return true
}

// exception is one entry of NO_PROXY.
type exception struct {
	port   string       // empty for any
	prefix netip.Prefix // an address or a network
	suffix string       // ".example.com": names below it
	exact  string       // "example.com": this name
}

// parseExceptions reads NO_PROXY: names (and all below them; with a leading dot or
// `*.` only those below), addresses, networks, each with an optional port; `*` is
// everything.
func parseExceptions(s string) (everything bool, list []exception) {
	for entry := range strings.FieldsFuncSeq(strings.ToLower(s), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		if entry == "*" {
			return true, nil
		}
		if prefix, err := netip.ParsePrefix(entry); err == nil {
			list = append(list, exception{prefix: prefix})
			continue
		}
		var e exception
		if host, port, err := net.SplitHostPort(entry); err == nil {
			entry, e.port = host, port
		}
		entry = strings.Trim(entry, "[]")
		if ip, err := netip.ParseAddr(entry); err == nil {
			e.prefix = netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen())
		} else if below := strings.TrimPrefix(entry, "*"); strings.HasPrefix(below, ".") {
			e.suffix = below
		} else if entry != "" {
			e.exact, e.suffix = entry, "."+entry
		}
		list = append(list, e)
	}
	return false, list
}

func (e exception) match(host, port string, ip netip.Addr) bool {
	if e.port != "" && e.port != port {
		return false
	}
	if e.prefix.IsValid() {
		return ip.IsValid() && e.prefix.Contains(ip.Unmap())
	}
	return e.exact != "" && host == e.exact || e.suffix != "" && strings.HasSuffix(host, e.suffix)
}

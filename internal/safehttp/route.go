package safehttp

import (
	"crypto/x509"
	"encoding/base64"
	"net/url"
	"strings"
)

// Roots are the certificates that the client trusts, for those who open
// connections of their own; nil means the system's.
func (c *Client) Roots() (*x509.CertPool, error) { return c.roots() }

// ProxyFor is the proxy through which a connection to u must go, with its
// credentials; nil for none.
func (c *Client) ProxyFor(u *url.URL) *url.URL {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	if u.Scheme != "https" || !c.proxy.use(u.Hostname(), port) {
		return nil
	}
	p := &url.URL{Scheme: "http", Host: c.proxy.addr}
	if c.proxy.tls {
		p.Scheme = "https"
	}
	if basic, ok := strings.CutPrefix(c.proxy.auth.Reveal(), "Basic "); ok {
		plain, _ := base64.StdEncoding.DecodeString(basic) // we encoded it
		user, password, _ := strings.Cut(string(plain), ":")
		p.User = url.UserPassword(user, password)
	}
	return p
}

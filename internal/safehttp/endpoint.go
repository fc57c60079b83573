package safehttp

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// CheckEndpoint says why no secret may be sent to rawURL, nil when it may: an
// absolute https URL, or an http one whose host is literally 127.0.0.0/8, [::1] or
// localhost; without user information and fragment. Names that merely resolve to
// loopback and other spellings of its addresses are not loopback.
func CheckEndpoint(rawURL string) error {
	if i := strings.IndexFunc(rawURL, func(r rune) bool { return r <= ' ' || r >= 0x7f }); i >= 0 {
		return errors.New("has a blank, a control or a non-ASCII character in it")
	}
	u, err := url.Parse(rawURL)
	if err != nil { // its text quotes the URL
		return errors.New("is not a URL")
	}
	if strings.Contains(rawURL, "#") { // also an empty one, which url.URL forgets
		return errFragment
	}
	return checkURL(u)
}

var errFragment = errors.New("has a fragment")

func checkURL(u *url.URL) error {
	switch {
	case u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "":
		return errors.New("does not begin with https://")
	case u.User != nil:
		return errors.New("has a user name in it")
	case u.Hostname() == "":
		return errors.New("has no host")
	case u.Fragment != "":
		return errFragment
	case strings.ContainsAny(u.Hostname(), "%\\\"<>^`{|}"):
		return errors.New("has a host with odd characters")
	}
	if p := u.Port(); p != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return errors.New("has a port that is not a number from 1 to 65535")
		}
	}
	if u.Scheme == "http" && !IsLoopback(u.Hostname()) {
		return errors.New("is plain http, which is only allowed to 127.0.0.1, [::1] and localhost")
	}
	return nil
}

// IsLoopback reports whether host, without port and brackets, is a literal
// loopback: localhost, an address in 127.0.0.0/8 in four decimal parts, or ::1.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Zone() == "" && !ip.Is4In6() && ip.IsLoopback()
}

package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// CheckEndpoint says what is wrong with a URL that secrets are sent to: absolute,
// https (http to loopback literals only), without userinfo, query and fragment.
// The value itself is not repeated.
func CheckEndpoint(value string) error {
	u, err := url.Parse(value)
	if err != nil {
		return errors.New("is not a URL")
	}
	switch {
	case u.User != nil || strings.Contains(u.Host, "@"):
		return errors.New("holds a user name or password")
	case u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return errors.New("is not a whole URL with scheme and host")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(value, "#"):
		return errors.New("holds a query or a fragment")
	case u.Scheme == "https":
	case u.Scheme == "http" && Loopback(u.Hostname()):
	case u.Scheme == "http":
		return errors.New("is plain http to a host other than 127.0.0.0/8, [::1] or localhost")
	default:
		return errors.New("has a scheme other than https")
	}
	if strings.ContainsAny(value, " \\") {
		return errors.New("holds a space or backslash")
	}
	if port := u.Port(); strings.HasSuffix(u.Host, ":") || port != "" && !validPort(port, 1) {
		return errors.New("has no valid port")
	}
	return nil
}

// Loopback reports whether host, without port and brackets, is a loopback
// literal: an address in 127.0.0.0/8 in dotted form, ::1, or localhost.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Zone() == "" && !a.Is4In6() && a.IsLoopback()
}

func validPort(port string, least int) bool {
	n := 0
	for _, c := range []byte(port) {
		if c < '0' || c > '9' || n > 65535 {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return port != "" && n >= least && n <= 65535
}

func checkBasePath(value string) error {
	switch {
	case !strings.HasPrefix(value, "/"):
		return errors.New("does not begin with /")
	case strings.ContainsAny(value, "?#\\ ") || strings.Contains(value, "//"):
		return errors.New("holds one of ? # \\ // or a space")
	}
	for _, part := range strings.Split(value, "/") {
		if part == "." || part == ".." {
			return errors.New("holds a . or .. segment")
		}
	}
	return nil
}

func checkAudience(value string) error {
	if len(value) > 1024 {
		return errors.New("is longer than 1024 bytes")
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("has a blank, a control or a non-ASCII character in it")
	}
	return nil
}

func checkDuration(least, most time.Duration) func(string) error {
	return func(value string) error {
		d, err := time.ParseDuration(value)
		switch {
		case err != nil:
			return errors.New("is not a duration")
		case d < 0:
			return errors.New("is negative")
		case d < least:
			return errors.New("is too short")
		case d > most:
			return fmt.Errorf("is longer than %s", most)
		}
		return nil
	}
}

// checkProfileName keeps names fit for a file name, a section of an ini file and
// a label of a metric.
func checkProfileName(value string) error {
	if len(value) > 64 {
		return errors.New("is longer than 64 characters")
	}
	for i, c := range []byte(value) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '.' && c != '_' && c != '-') {
			return errors.New("is no profile name: letters, digits, and within it . _ -")
		}
	}
	return nil
}

func checkIdentity(value string) error {
	_, err := parseIdentity(value)
	return err
}

func checkVariable(name string) error {
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return errors.New("is not the name of a variable")
		}
	}
	if name == "" || len(name) > 256 {
		return errors.New("is not the name of a variable")
	}
	return nil
}

func checkListen(value string) error {
	if path, ok := strings.CutPrefix(value, "unix:"); ok {
		if path == "" {
			return errors.New("has no path after its colon")
		}
		return nil
	}
	return checkHostPort(value)
}

func checkHostPort(value string) error {
	_, port, err := net.SplitHostPort(value)
	if err != nil || !validPort(port, 0) {
		return errors.New("is not HOST:PORT")
	}
	return nil
}

// checkText is what holds for every value from whatever source: bounded, valid
// UTF-8 without control characters.
func checkText(f Field, value string) error {
	const longest, longestLines = 4096, 64 << 10 // bytes
	switch {
	case strings.IndexByte(value, 0) >= 0:
		return errors.New("holds a NUL")
	case f.Path:
		return nil // whatever the file system takes
	case !utf8.ValidString(value):
		return errors.New("is not valid UTF-8")
	case !f.Lines && len(value) > longest:
		return fmt.Errorf("is longer than %d bytes", longest)
	case len(value) > longestLines:
		return fmt.Errorf("is longer than %d bytes", longestLines)
	}
	for _, r := range value {
		switch {
		case f.Lines && (r == '\n' || r == '\r' || r == '\t'):
		case r == '\n' || r == '\r':
			return errors.New("holds a line break")
		case r < 0x20 || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\ufeff':
			return errors.New("holds a control character")
		}
	}
	return nil
}

// checkKey keeps a static key fit for a header and for one line of output.
func checkKey(value string) error {
	const longest = 16 << 10 // bytes
	if len(value) > longest {
		return fmt.Errorf("is longer than %d bytes", longest)
	}
	for _, c := range []byte(value) {
		if c <= ' ' || c >= 0x7f {
			return errors.New("holds a blank, a line break or another character that no key has")
		}
	}
	return nil
}

package provider

import (
	"errors"
	"net/url"
	"strings"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// upstreamOf is where a profile's requests go: the setting upstream, a whole URL,
// else the host in the variable target, else the vendor's own. The base path is
// the setting's, else the URL's own; that of the variable belongs to the target.
// The flag --upstream wins over a path that the file has for another URL.
func upstreamOf(v config.Values, env func(string) string, target, basePath, vendor string) (*url.URL, string, error) {
	raw := v.Get("upstream")
	if raw == "" {
		host, err := TargetHost(env(target))
		if err != nil {
			return nil, "", &exchange.Error{Step: "upstream", Cause: exchange.Usage, Description: target + " " + err.Error(),
				Hint: "set " + target + " to a host, or host:port, such as " + vendor}
		}
		if host == "" {
			host = vendor
		}
		raw = "https://" + host
		if err := config.CheckEndpoint(raw); err != nil {
			return nil, "", &exchange.Error{Step: "upstream", Cause: exchange.Usage, Description: target + " " + err.Error(),
				Hint: "set " + target + " to a host, or host:port, such as " + vendor}
		}
	}
	if err := config.CheckEndpoint(raw); err != nil {
		return nil, "", &exchange.Error{Step: "upstream", Cause: exchange.Usage, Description: "the URL " + err.Error(),
			Hint: "set --upstream to a whole URL such as https://" + vendor}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, "", &exchange.Error{Step: "upstream", Cause: exchange.Usage, Description: "is not a URL"}
	}
	base := v.Get("base_path")
	if v["upstream"].Origin.Kind == config.FromFlag && v["base_path"].Origin.Kind != config.FromFlag {
		base = ""
	}
	if base == "" {
		base = u.Path
	}
	if base == "" && v.Get("upstream") == "" {
		base = strings.TrimSpace(env(basePath))
	}
	base = strings.Trim(base, "/")
	if base != "" {
		base = "/" + base
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, base, nil
}

// TargetHost is the host, with its port if it has one, in a *_API_TARGET variable:
// scheme and path count for nothing, the upstream is always https (gh-aw-firewall
// does the same). It is empty for a blank value.
func TargetHost(value string) (string, error) {
	host := strings.TrimSpace(value)
	if _, rest, ok := strings.Cut(host, "://"); ok {
		host = rest
	}
	host, _, _ = strings.Cut(host, "/")
	if host == "" && strings.TrimSpace(value) != "" || strings.ContainsAny(host, " \t\r\n?#@\\") {
		return "", errors.New("is not a host")
	}
	return host, nil
}

// TargetWarning says what of a *_API_TARGET variable is dropped, empty for nothing:
// https:// alone is what is used anyway, and what vendors write in front of theirs.
func TargetWarning(name, value string) string {
	host, err := TargetHost(value)
	plain := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(value), "https://"), "/")
	if err != nil || host == plain {
		return ""
	}
	return "scheme and path of " + name + " are not used: the upstream is https://" + host
}

package child

import "strings"

// Env is an environment as os.Environ gives it. Of names that occur twice the
// first one counts, as for the C library. Its methods change a copy.
type Env []string

// Get returns the value of name and whether it is there.
func (e Env) Get(name string) (string, bool) {
	for _, entry := range e {
		if n, v, _ := strings.Cut(entry, "="); sameName(n, name) {
			return v, true
		}
	}
	return "", false
}

// Set returns e with name set to value, once.
func (e Env) Set(name, value string) Env { return append(e.Unset(name), name+"="+value) }

// Unset returns e without name.
func (e Env) Unset(name string) Env {
	return e.filter(func(n, _ string) bool { return !sameName(n, name) })
}

// filter keeps what keep wants.
func (e Env) filter(keep func(name, value string) bool) Env {
	kept := make(Env, 0, len(e)+4)
	for _, entry := range e {
		// On Windows the names of per-drive directories begin with "=".
		name, value, _ := strings.Cut(entry, "=")
		if name == "" || keep(name, value) {
			kept = append(kept, entry)
		}
	}
	return kept
}

// Scrub returns e without credentials and without what obtains them, and without
// the names in drop; what keep names stays.
func (e Env) Scrub(keep, drop []string) Env {
	return e.filter(func(name, value string) bool {
		switch {
		case contains(keep, name):
			return true
		case contains(drop, name):
			return false
		}
		return !isCredential(name, value)
	})
}

func contains(list []string, name string) bool {
	for _, l := range list {
		if sameName(l, name) {
			return true
		}
	}
	return false
}

// loopback are the names under which the program reaches us.
var loopback = [...]string{"127.0.0.1", "localhost", "::1"}

// NoProxy returns e with loopback added to NO_PROXY and no_proxy. Real clients
// send a call to loopback to the proxy of HTTP_PROXY otherwise, key and content
// included; which spelling they read differs.
func (e Env) NoProxy() Env {
	upper, _ := e.Get("NO_PROXY")
	lower, _ := e.Get("no_proxy")
	if upper == "" {
		upper = lower
	}
	if lower == "" {
		lower = upper
	}
	e = e.Set("NO_PROXY", withLoopback(upper))
	if sameName("NO_PROXY", "no_proxy") {
		return e
	}
	return e.Set("no_proxy", withLoopback(lower))
}

func withLoopback(list string) string {
	if strings.TrimSpace(list) == "*" {
		return list // everything is excepted already; some clients know it only alone
	}
	parts := strings.Split(list, ",")
	for _, name := range loopback {
		if !contains(trimmed(parts), name) {
			parts = append(parts, name)
		}
	}
	return strings.TrimLeft(strings.Join(parts, ","), ",")
}

func trimmed(parts []string) []string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = strings.TrimSpace(p)
	}
	return out
}

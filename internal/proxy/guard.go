package proxy

import (
	"bytes"
	"strings"

	"github.com/awf-cred/awf-cred/internal/relay"
)

// methods are those that are passed on. Of the others CONNECT, TRACE and TRACK are
// known and refused: they make a tunnel, or echo headers.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

func served(method []byte) bool { return methodName(method) != "" }

// methodName is the method as a constant, empty for one that is not served.
func methodName(method []byte) string {
	for _, m := range methods {
		if string(method) == m {
			return m
		}
	}
	return ""
}

// findings are what the pass over a request's fields found.
type findings struct {
	origin  bool   // a browser names the page that asks
	site    bool   // Sec-Fetch-Site names another site
	noCORS  bool   // Sec-Fetch-Mode: no-cors
	referer []byte // nil without one
	keys    int    // headers that may show the client key
	right   int    // and do
}

// readAndStrip looks at every field once: it drops the credentials and notes what
// the guard wants to know. The client key is looked for in headers when the path
// has not shown it.
func (p *Policy) readAndStrip(h *relay.Head, shown bool) (f findings) {
	look := p.o.Key != nil && !shown
	for i := range h.Fields {
		field := &h.Fields[i]
		switch kindOf(field.Name, p.strip) {
		case kindStrip:
			field.Drop = true
		case kindAuthorization:
			field.Drop = true
			if look {
				f.count(p.o.Key.inAuthorization(field.Value))
			}
		case kindKey:
			field.Drop = true
			if look {
				f.count(p.o.Key.is(field.Value))
			}
		case kindOrigin:
			f.origin = true
		case kindFetchSite:
			// Fetch Metadata: none is a user's own doing, same-origin a page of ours.
			f.site = f.site || !equalFold(field.Value, "none") && !equalFold(field.Value, "same-origin")
		case kindFetchMode:
			f.noCORS = f.noCORS || equalFold(field.Value, "no-cors")
		case kindReferer:
			f.referer = field.Value
		case kindSocketProtocol:
			stripSocketProtocol(field)
		}
	}
	return f
}

func (f *findings) count(right bool) {
	f.keys++
	if right {
		f.right++
	}
}

// guard refuses methods that are not served, names that are not this listener's
// and pages in browsers. It holds for every path.
func (p *Policy) guard(h *relay.Head, f *findings) *Refusal {
	switch {
	case string(h.Method) == "TRACE" || string(h.Method) == "TRACK" || string(h.Method) == "CONNECT":
		return refusedMethod
	case !served(h.Method):
		return refusedUnknownMethod
	case !p.hosts.has(h.Host):
		return refusedHost
	case f.origin || f.site || f.noCORS && f.referer != nil && !p.hosts.has(authority(f.referer)):
		return refusedBrowser
	}
	return nil
}

// permit refuses clients without the key and what the rules do not allow.
func (p *Policy) permit(h *relay.Head, f *findings, shown bool) *Refusal {
	switch {
	case p.o.Key != nil && !shown && (f.keys == 0 || f.right < f.keys):
		return refusedClient
	case bytes.HasPrefix(h.Target, []byte("//")):
		// Relay has refused it in front; here it stood behind the key.
		return refusedTarget
	case !p.o.Allow.allow(h.Method, h.Target):
		return refusedPath
	case h.Upgrade != nil && !p.o.Upgrades:
		return refusedUpgrade
	}
	return nil
}

// keyInPath takes the client key off the path, before anything else looks at it.
func (p *Policy) keyInPath(r *record, h *relay.Head) bool {
	if p.o.Key == nil {
		return false
	}
	target, ok := p.o.Key.inPath(h.Target)
	h.Target = target
	return ok
}

// authority is the authority of an absolute URL, nil when there is none. Browsers
// send no userinfo in a referer.
func authority(url []byte) []byte {
	_, rest, ok := bytes.Cut(url, []byte("://"))
	if !ok {
		return nil
	}
	if i := bytes.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

// stripSocketProtocol takes keys out of the list of subprotocols: browsers cannot
// set headers, so the realtime API of OpenAI takes a key there
// (openai-insecure-api-key.KEY).
func stripSocketProtocol(field *relay.Field) {
	items := bytes.Split(field.Value, []byte(","))
	kept := items[:0]
	for _, item := range items {
		item = bytes.Trim(item, " \t")
		if !isSocketKey(item) {
			kept = append(kept, item)
		}
	}
	switch {
	case len(kept) == 0:
		field.Drop = true
	case len(kept) < len(items):
		field.Value = bytes.Join(kept, []byte(", "))
	}
}

func isSocketKey(item []byte) bool {
	name := fold(string(item))
	for _, word := range []string{"api-key", "apikey", "authorization", "bearer"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

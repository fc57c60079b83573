package proxy

import (
	"bytes"
	"strings"

	"github.com/awf-cred/awf-cred/internal/relay"
)

// retarget makes the target of the upstream's request: without secret parameters,
// under the base path. Bytes that stay are the client's.
func (p *Policy) retarget(r *record, h *relay.Head) {
	r.target = r.target[:0]
	if p.base != "" && !under(h.Target, p.base) {
		r.target = append(r.target, p.base...)
	}
	based := len(r.target) > 0
	target, stripped := stripQuery(r.target, h.Target)
	if !stripped && based {
		target = append(target, h.Target...)
	}
	r.target = target
	if stripped || based {
		h.Target = target
	}
}

// under reports whether a path is the base path or lies below it already, as it
// does for clients that have it in their base URL.
func under(target []byte, base string) bool {
	path, _, _ := bytes.Cut(target, []byte("?"))
	return len(path) >= len(base) && string(path[:len(base)]) == base && (len(path) == len(base) || path[len(base)] == '/')
}

func trimSlash(s string) string { return strings.TrimRight(s, "/") }

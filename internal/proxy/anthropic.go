package proxy

import (
	"bytes"

	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

const (
	// anthropicVersion is what a request without a version gets (Anthropic API
	// reference, "Versions"). SDKs send newer ones, which stay.
	anthropicVersion = "2023-06-01"
	// oauthBeta must accompany a federation token (Anthropic WIF, calling the API).
	oauthBeta = "oauth-2025-04-20"
)

// Anthropic sets a federation token and its beta, or a static key in the header
// keyHeader (x-api-key if empty), and the default version.
func Anthropic(keyHeader string) Injector {
	if keyHeader == "" {
		keyHeader = "x-api-key"
	}
	return func(h *relay.Head, c exchange.Credential) error {
		version, betas := 0, false
		for i := range h.Fields {
			switch kindOf(h.Fields[i].Name, nil) {
			case kindVersion:
				if !h.Fields[i].Drop {
					version++
				}
			case kindBeta:
				betas = betas || !h.Fields[i].Drop
			}
		}
		switch version {
		case 0:
			h.Add = append(h.Add, "anthropic-version: "+anthropicVersion+"\r\n"...)
		case 1:
		default:
			return refusedVersion
		}
		if c.Kind == exchange.Bearer {
			addBeta(h, betas)
		}
		return setToken(h, c, keyHeader)
	}
}

// addBeta replaces the client's anthropic-beta lines by one: its values in their
// order, each once, and ours.
func addBeta(h *relay.Head, sent bool) {
	h.Add = append(h.Add, "anthropic-beta: "...)
	if sent {
		seen := make(map[string]bool, 8)
		for i := range h.Fields {
			f := &h.Fields[i]
			if f.Drop || kindOf(f.Name, nil) != kindBeta {
				continue
			}
			f.Drop = true
			h.Add = appendValues(h.Add, f.Value, seen)
		}
		if seen[oauthBeta] {
			h.Add = append(h.Add[:len(h.Add)-1], "\r\n"...)
			return
		}
	}
	h.Add = append(h.Add, oauthBeta+"\r\n"...)
}

// appendValues appends the items of a list that were not seen before, each with a
// comma behind it.
func appendValues(dst, list []byte, seen map[string]bool) []byte {
	for more := true; more; {
		var item []byte
		item, list, more = bytes.Cut(list, []byte(","))
		item = bytes.Trim(item, " \t")
		if len(item) == 0 || seen[string(item)] {
			continue
		}
		seen[string(item)] = true
		dst = append(append(dst, item...), ',')
	}
	return dst
}

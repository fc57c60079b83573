package proxy

import (
	"errors"
	"strings"

	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Bearer sets "Authorization: Bearer TOKEN". A static key goes into the header
// keyHeader instead, unless that is empty.
func Bearer(keyHeader string) Injector {
	return func(h *relay.Head, c exchange.Credential) error {
		return setToken(h, c, keyHeader)
	}
}

// setToken adds the line that carries a token.
func setToken(h *relay.Head, c exchange.Credential, keyHeader string) error {
	token := c.Token.Reveal()
	if token == "" || strings.ContainsAny(token, "\r\n\x00") {
		return errors.New("the credential is not a token") // config and exchange refuse it earlier
	}
	if c.Kind == exchange.APIKey && keyHeader != "" {
		h.Add = append(append(h.Add, keyHeader...), ": "...)
	} else {
		h.Add = append(h.Add, "Authorization: Bearer "...)
	}
	h.Add = append(append(h.Add, token...), "\r\n"...)
	return nil
}

package proxy

import (
	"bytes"
	"context"

	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// refusesCredential reports whether an answer says that the credential is no good
// any more: 401, and for AWS 403 with one of three codes in the header that names
// the error. A static key has no successor.
func refusesCredential(k exchange.Kind, reply *relay.ReplyHead) bool {
	switch k {
	case exchange.Bearer:
		return reply.Status == 401
	case exchange.AWS:
		return reply.Status == 403 && refusesSignature(reply.Fields)
	}
	return false
}

// refusedSignatures are the codes of AWS that a new session token mends, without
// their ending (Bedrock: ExpiredTokenException; other services: ExpiredToken).
var refusedSignatures = []string{"expiredtoken", "unrecognizedclient", "invalidsignature"}

func refusesSignature(fields []relay.Field) bool {
	for i := range fields {
		if !same(fields[i].Name, "x-amzn-errortype") {
			continue
		}
		// Some services append the URI of a namespace: NAME:http://...
		code, _, _ := bytes.Cut(fields[i].Value, []byte(":"))
		code = bytes.TrimSuffix(bytes.ToLower(bytes.Trim(code, " \t")), []byte("exception"))
		for _, known := range refusedSignatures {
			if string(code) == known {
				return true
			}
		}
	}
	return false
}

// renewed tells the source that the upstream refused c and reports whether the
// request should be made once more: its body is still there, and there is another
// credential now. The source keeps forced renewals 10 s apart; meanwhile it gives
// c again, and the upstream's own answer is passed on.
//
// A request whose credential was replaced meanwhile renews nothing: the source
// ignores the refusal of an older one.
func (p *Policy) renewed(ctx context.Context, h *relay.Head, c exchange.Credential) bool {
	if h.Attempt > 0 {
		return false
	}
	p.o.Credentials.Invalidate(c)
	if !h.Kept() {
		return false
	}
	next, err := p.o.Credentials.Credential(ctx)
	return err == nil && !next.Same(c)
}

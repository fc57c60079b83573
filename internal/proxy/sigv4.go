package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// MaxSignedBody is the largest body that Bedrock takes (InvokeModel, service model).
const MaxSignedBody = 25_000_000

// SigV4Options describe how requests are signed.
type SigV4Options struct {
	Region  string // required
	Service string // the signing name, not the first label of the host: bedrock
	// MaxBody is the largest body that is read into memory for its hash;
	// MaxSignedBody if 0.
	MaxBody int64
	// Now is the time of a signature; nil: the clock of the policy that signs.
	Now func() time.Time
}

// SigV4 signs requests with temporary keys (AWS Signature Version 4). A static key
// of Bedrock is set as a bearer token.
//
// The signer rewrites the request that it is given, and reads its query as a form.
// So a copy is signed, its four headers are taken over, and what goes upstream are
// the client's bytes: what is signed is what the service computes from them.
func SigV4(o SigV4Options) Injector {
	if o.MaxBody == 0 {
		o.MaxBody = MaxSignedBody
	}
	signer := v4.NewSigner()
	return func(h *relay.Head, c exchange.Credential) error {
		if c.Kind == exchange.APIKey {
			return setToken(h, c, "")
		}
		if c.AWS == nil {
			return errors.New("the credential has no AWS keys")
		}
		now, err := o.clock(h)
		if err != nil {
			return err
		}
		body, fault := h.Buffer(o.MaxBody)
		if fault != nil {
			return refusalOf(*fault)
		}
		sum := sha256.Sum256(body)
		signed, err := sign(signer, o, h, hex.EncodeToString(sum[:]), c.AWS, now)
		if err != nil {
			return err
		}
		for _, name := range signedHeaders {
			if len(signed[name]) == 0 {
				continue // keys without a session token
			}
			h.Add = append(append(h.Add, name...), ": "...)
			h.Add = append(append(h.Add, signed.Get(name)...), "\r\n"...)
		}
		return nil
	}
}

// signedHeaders are what a signature adds.
var signedHeaders = []string{"Authorization", "X-Amz-Date", "X-Amz-Content-Sha256", "X-Amz-Security-Token"}

func (o SigV4Options) clock(h *relay.Head) (time.Time, error) {
	if o.Now != nil {
		return o.Now(), nil
	}
	if r, ok := h.Data.(*record); ok && r.policy.o.Now != nil {
		return r.policy.o.Now(), nil
	}
	return time.Time{}, errors.New("a signature needs a clock")
}

// sign returns the headers of a signed copy of h. Only host and the X-Amz headers
// are signed: proxies on the way may change others.
func sign(signer *v4.Signer, o SigV4Options, h *relay.Head, payload string, keys *exchange.AWSKeys, now time.Time) (http.Header, error) {
	path, query, _ := bytes.Cut(h.Target, []byte("?"))
	host := string(h.Host)
	for bytes.Contains(path, []byte("//")) { // every service but S3 reads an empty segment as none
		path = bytes.ReplaceAll(path, []byte("//"), []byte("/"))
	}
	r := &http.Request{
		Method: string(h.Method),
		Host:   host,
		Header: http.Header{"X-Amz-Content-Sha256": {payload}},
		// With Opaque the signer takes the path as it is on the wire, and escapes it
		// once more, as every service but S3 does.
		URL: &url.URL{Scheme: "https", Host: host, Opaque: "//" + host + string(path), RawQuery: literalQuery(query)},
	}
	credentials := aws.Credentials{
		AccessKeyID:     keys.AccessKeyID.Reveal(),
		SecretAccessKey: keys.SecretAccessKey.Reveal(),
		SessionToken:    keys.SessionToken.Reveal(),
	}
	if err := signer.SignHTTP(context.Background(), credentials, r, payload, o.Service, o.Region, now); err != nil {
		return nil, err
	}
	return r.Header, nil
}

// literalQuery makes the signer, which reads a query as a form, see what AWS sees:
// a plus is a plus, a semicolon is no separator, and a percent sign that escapes
// nothing stands for itself.
func literalQuery(query []byte) string {
	out := make([]byte, 0, len(query)+16)
	for i, c := range query {
		switch {
		case c == '+':
			out = append(out, "%2B"...)
		case c == ';':
			out = append(out, "%3B"...)
		case c == '%' && !(i+2 < len(query) && isHex(query[i+1]) && isHex(query[i+2])):
			out = append(out, "%25"...)
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

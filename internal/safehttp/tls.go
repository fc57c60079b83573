package safehttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/scrub"
)

// refusalWait is how long we listen, after a server asked for a client
// certificate, for it to refuse us before we send a secret. In TLS 1.3 our side of
// the handshake is over before the server has judged it (RFC 8446 section 4.4.2.4).
const refusalWait = 200 * time.Millisecond

// secure makes w.conn a TLS connection to host.
func (c *Client) secure(ctx context.Context, w *wire, host string) error {
	roots, err := c.roots()
	if err != nil {
		return &Error{Kind: Certificate, Detail: "the system's root certificates could not be read", Err: err}
	}
	asked := false
	conn := tls.Client(w.conn, &tls.Config{
		ServerName: host,
		RootCAs:    roots,
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = true
			return new(tls.Certificate), nil
		},
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		return tlsError(err, host, asked)
	}
	w.conn = conn
	if asked {
		return awaitRefusal(ctx, conn, host)
	}
	return nil
}

func awaitRefusal(ctx context.Context, conn *tls.Conn, host string) error {
	t := time.AfterFunc(refusalWait, func() { _ = conn.SetReadDeadline(past) })
	defer t.Stop()
	err := bounded(ctx, conn, func() error {
		_, err := conn.Read(make([]byte, 1))
		return err
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return conn.SetDeadline(time.Time{})
	case err == nil:
		return errUnasked
	}
	return tlsError(err, host, true)
}

// tlsError sorts a failed handshake. crypto/tls has types for certificates only;
// the alerts (RFC 8446 section 6.2) are told by their names.
func tlsError(err error, host string, asked bool) error {
	var verify *tls.CertificateVerificationError
	if errors.As(err, &verify) {
		what, hint := certificate(verify.Err, host)
		return &Error{Kind: Certificate, Detail: "its certificate does not verify: " + what, Hint: hint, Err: err}
	}
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return &Error{Kind: NoTLS, Detail: "it does not speak TLS", Err: err}
	}
	if kind, _ := network(err); kind != "" {
		return err
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "protocol version"):
		return &Error{Kind: NoTLS, Detail: "it does not speak TLS 1.2 or later", Err: err}
	case strings.Contains(text, "no application protocol"):
		return &Error{Kind: NoTLS, Detail: "it does not speak HTTP/1.1", Err: err}
	case isAlert(err) && (asked || strings.Contains(text, "certificate required")):
		return &Error{Kind: ClientCert, Detail: "it demands a client certificate (" + scrub.Text(text) + ")", Err: err}
	}
	return &Error{Kind: TLS, Detail: "the TLS handshake failed: " + scrub.Text(text), Err: err}
}

// isAlert reports whether the other side sent a TLS alert.
func isAlert(err error) bool {
	var remote *net.OpError
	return errors.As(err, &remote) && remote.Op == "remote error"
}

// certificate says what is wrong with a certificate and what to do about it.
// x509's own sentences quote names out of it, which are whatever the other side put
// there.
func certificate(err error, host string) (what, hint string) {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &name):
		return fmt.Sprintf("it is not for %s", host), ""
	case errors.As(err, &unknown):
		if strings.Contains(err.Error(), "insecure algorithm") {
			return "it is signed with an algorithm that is not secure any more", ""
		}
		return "it is signed by an authority that is not known here",
			"if that authority is yours, name its certificate with --ca-file (AWF_CRED_CA_FILE); verification cannot be turned off"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("it is valid from %s to %s, and not now",
				invalid.Cert.NotBefore.UTC().Format(time.RFC3339), invalid.Cert.NotAfter.UTC().Format(time.RFC3339)),
			"check this machine's clock"
	}
	return scrub.Text(err.Error()), ""
}

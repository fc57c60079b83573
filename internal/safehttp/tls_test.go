package safehttp_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/safehttp"
)

func TestTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	s := serve(t, &tls.Config{Certificates: []tls.Certificate{ca.leaf(t, nil)}}, answer(ok))
	_, body, err := post(t, client(t, safehttp.Options{CAFile: ca.file}), "https://"+s.addr+"/")
	require.NoError(t, err)
	assert.Equal(t, "{}", body)
}

// U11 and T30: each is refused before a byte of the request is sent, tried once,
// and its cause named.
func TestTLSRefusals(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	leaf := func(edit func(*x509.Certificate)) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{ca.leaf(t, edit)}}
	}
	self := &authority{}
	old := leaf(nil)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	older := leaf(nil)
	older.MinVersion, older.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
	demand13, demand12 := leaf(nil), leaf(nil)
	demand13.ClientAuth, demand12.ClientAuth = tls.RequireAnyClientCert, tls.RequireAnyClientCert
	demand12.MaxVersion = tls.VersionTLS12
	h2 := leaf(nil)
	h2.NextProtos = []string{"other"}
	for _, c := range []struct {
		name   string
		config *tls.Config
		kind   safehttp.Kind
		want   string
	}{
		{"self-signed", &tls.Config{Certificates: []tls.Certificate{self.leaf(t, nil)}}, safehttp.Certificate, "an authority that is not known here"},
		{"another authority", &tls.Config{Certificates: []tls.Certificate{other.leaf(t, nil)}}, safehttp.Certificate, "an authority that is not known here"},
		{"expired", leaf(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), safehttp.Certificate, "and not now"},
		{"not yet valid", leaf(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), safehttp.Certificate, "and not now"},
		{"for another name", leaf(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"evil.test"} }), safehttp.Certificate, "it is not for 127.0.0.1"},
		{"with a common name only", leaf(func(c *x509.Certificate) { c.IPAddresses = nil }), safehttp.Certificate, "it is not for 127.0.0.1"},
		{"for clients", leaf(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), safehttp.Certificate, "incompatible key usage"},
		{"a client certificate demanded in TLS 1.3", demand13, safehttp.ClientCert, "demands a client certificate"},
		{"a client certificate demanded in TLS 1.2", demand12, safehttp.ClientCert, "demands a client certificate"},
		{"TLS 1.0", old, safehttp.NoTLS, "does not speak TLS 1.2"},
		{"TLS 1.1", older, safehttp.NoTLS, "does not speak TLS 1.2"},
		{"another protocol only", h2, safehttp.NoTLS, "does not speak HTTP/1.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.config, answer(ok))
			_, _, err := post(t, client(t, safehttp.Options{CAFile: ca.file}), "https://"+s.addr+"/")
			e := failure(t, err)
			assert.Equal(t, c.kind, e.Kind, e.Error())
			assert.Contains(t, e.Error(), c.want)
			assert.Equal(t, strings.Contains(c.want, "authority"), strings.Contains(e.Hint, "--ca-file"))
			assert.Equal(t, strings.Contains(c.want, "not now"), strings.Contains(e.Hint, "clock"))
			assert.False(t, e.Retryable())
			assert.True(t, e.Unsent)
			assert.Zero(t, s.bytes.Load(), "nothing was sent")
		})
	}
	t.Run("plain HTTP on the port", func(t *testing.T) {
		t.Parallel()
		s := serve(t, nil, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") })
		_, _, err := post(t, client(t, safehttp.Options{}), "https://"+s.addr+"/")
		e := failure(t, err)
		assert.Equal(t, safehttp.NoTLS, e.Kind)
		assert.False(t, e.Retryable())
	})
	t.Run("a server that hangs up in the handshake can be tried again", func(t *testing.T) {
		t.Parallel()
		s := serve(t, nil, func(net.Conn) {})
		_, _, err := post(t, client(t, safehttp.Options{}), "https://"+s.addr+"/")
		e := failure(t, err)
		assert.Equal(t, safehttp.Reset, e.Kind)
		assert.True(t, e.Retryable())
		assert.True(t, e.Unsent)
	})
	t.Run("a server that is silent in the handshake meets the bound", func(t *testing.T) {
		t.Parallel()
		s := serve(t, nil, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		_, _, err := post(t, client(t, safehttp.Options{Connect: 50 * time.Millisecond}), "https://"+s.addr+"/")
		e := failure(t, err)
		assert.Equal(t, safehttp.Timeout, e.Kind)
		assert.True(t, e.Unsent)
	})
}

func TestOptionalClientCertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	s := serve(t, &tls.Config{Certificates: []tls.Certificate{ca.leaf(t, nil)}, ClientAuth: tls.RequestClientCert}, answer(ok))
	_, body, err := post(t, client(t, safehttp.Options{CAFile: ca.file}), "https://"+s.addr+"/")
	require.NoError(t, err, "a server may ask for a certificate and do without")
	assert.Equal(t, "{}", body)
}

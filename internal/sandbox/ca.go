package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// authority is the sandbox's own root and the certificate of its listeners.
type authority struct {
	root   *x509.Certificate
	key    *ecdsa.PrivateKey
	pool   *x509.CertPool
	leaf   tls.Certificate
	file   string
	change func(*tls.Config)
	temp   string // directory to remove at the end
}

// Certificate says how IssueCertificate departs from a good one.
type Certificate struct {
	Names               []string  // DNS names and IP addresses; none: 127.0.0.1, ::1, localhost
	NotBefore, NotAfter time.Time // zero: an hour ago, a month ahead
	SelfSigned          bool      // not signed by the sandbox's root
}

// newAuthority makes a root and a leaf. Their times are the real clock's, which
// clients check them against, not the sandbox's.
func newAuthority(cfg Config) (*authority, error) {
	now := time.Now()
	a := &authority{pool: x509.NewCertPool(), change: cfg.ChangeTLS}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "awf-sandbox root"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	if a.root, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	a.pool.AddCert(a.root)
	if a.leaf, err = a.issue(cfg.Certificate); err != nil {
		return nil, err
	}
	return a, a.write(cfg.Dir, der)
}

func (a *authority) write(dir string, der []byte) error {
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "awf-sandbox-"); err != nil {
			return err
		}
		a.temp = dir
	}
	a.file = filepath.Join(dir, "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(a.file, block, 0o644); err != nil {
		return fmt.Errorf("write the root certificate: %w", err)
	}
	return nil
}

func (a *authority) remove() {
	if a.temp != "" {
		os.RemoveAll(a.temp)
	}
}

func (a *authority) issue(c Certificate) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	if c.NotBefore.IsZero() {
		c.NotBefore = time.Now().Add(-time.Hour)
	}
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().AddDate(0, 1, 0)
	}
	if len(c.Names) == 0 {
		c.Names = []string{"127.0.0.1", "::1", "localhost"}
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "awf-sandbox"},
		NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range c.Names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	parent, signer := a.root, a.key
	if c.SelfSigned {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// config is what the listeners speak: HTTP/1.1 only, and nothing older than
// TLS 1.2.
func (a *authority) config() *tls.Config {
	c := &tls.Config{Certificates: []tls.Certificate{a.leaf}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if a.change != nil {
		a.change(c)
	}
	return c
}

// IssueCertificate makes a certificate for a test's own TLS server, signed by
// the sandbox's root unless c says otherwise.
func (s *Sandbox) IssueCertificate(c Certificate) (tls.Certificate, error) {
	return s.ca.issue(c)
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // the system's generator does not fail
	}
	return n
}
